"""The records of the governance floor: changes, reviews, approval policies and the audit ledger."""

from __future__ import annotations

from governance.models.audit import AuditEvent
from governance.models.audit_retention import AuditRedaction, LegalHold, RetentionRule
from governance.models.audit_streams import AuditStream, StreamContent, StreamFormat, StreamSignature
from governance.models.changes import ITEM, Change, ChangeState, Edit, Operation
from governance.models.checkpoints import Checkpoint
from governance.models.comments import Comment
from governance.models.delegations import Delegation
from governance.models.drafting import Autosave, Presence
from governance.models.drift_settings import DetectorSetting, Judgement
from governance.models.findings import Finding, FindingState, Severity
from governance.models.intervals import ReviewInterval
from governance.models.notifications import (
    Channel,
    Delivery,
    DeliveryState,
    Notification,
    NotificationChoice,
    NotificationKind,
    PersonalWebhook,
    Rhythm,
)
from governance.models.policies import ApprovalPolicy, ApprovalStage, ApproverRule
from governance.models.ratifications import Ratification, RatificationVerdict
from governance.models.readiness import ReadinessSnapshot
from governance.models.reminders import Reminder, ReminderStep
from governance.models.reviews import Decision, Review
from governance.models.saved_views import SavedView
from governance.models.scans import Scan, ScanMark, ScanShard, ScanState, ShardState
from governance.models.sketches import PassageSketch
from governance.models.sources import SourceState, SourceUpload, WatchedSource

__all__ = [
    "ITEM",
    "ApprovalPolicy",
    "ApprovalStage",
    "ApproverRule",
    "AuditEvent",
    "AuditRedaction",
    "AuditStream",
    "Autosave",
    "Change",
    "ChangeState",
    "Channel",
    "Checkpoint",
    "Comment",
    "Decision",
    "Delegation",
    "Delivery",
    "DeliveryState",
    "DetectorSetting",
    "Edit",
    "Finding",
    "FindingState",
    "Judgement",
    "LegalHold",
    "Notification",
    "NotificationChoice",
    "NotificationKind",
    "Operation",
    "PassageSketch",
    "PersonalWebhook",
    "Presence",
    "Ratification",
    "RatificationVerdict",
    "ReadinessSnapshot",
    "Reminder",
    "ReminderStep",
    "RetentionRule",
    "Review",
    "ReviewInterval",
    "Rhythm",
    "SavedView",
    "Scan",
    "ScanMark",
    "ScanShard",
    "ScanState",
    "Severity",
    "ShardState",
    "SourceState",
    "SourceUpload",
    "StreamContent",
    "StreamFormat",
    "StreamSignature",
    "WatchedSource",
]
