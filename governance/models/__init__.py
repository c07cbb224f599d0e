"""The records of the governance floor: changes, reviews, approval policies and the audit ledger."""

from __future__ import annotations

from governance.models.audit import AuditEvent
from governance.models.audit_retention import AuditRedaction, LegalHold, RetentionRule
from governance.models.audit_streams import AuditStream, StreamContent, StreamFormat, StreamSignature
from governance.models.changes import Change, ChangeState, Edit, Operation
from governance.models.checkpoints import Checkpoint
from governance.models.comments import Comment
from governance.models.drafting import Autosave, Presence
from governance.models.policies import ApprovalPolicy, ApprovalStage, ApproverRule
from governance.models.ratifications import Ratification, RatificationVerdict
from governance.models.reviews import Decision, Review

__all__ = [
    "ApprovalPolicy",
    "ApprovalStage",
    "ApproverRule",
    "AuditEvent",
    "AuditRedaction",
    "AuditStream",
    "Autosave",
    "Change",
    "ChangeState",
    "Checkpoint",
    "Comment",
    "Decision",
    "Edit",
    "LegalHold",
    "Operation",
    "Presence",
    "Ratification",
    "RatificationVerdict",
    "RetentionRule",
    "Review",
    "StreamContent",
    "StreamFormat",
    "StreamSignature",
]
