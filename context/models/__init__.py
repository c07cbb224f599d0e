"""The records of the context floor: people, domains, kinds, and what the organisation has approved."""

from __future__ import annotations

from context.models.compartments import Compartment
from context.models.domains import Domain
from context.models.epochs import Epoch, EpochMark
from context.models.holds import Hold
from context.models.idempotency import IdempotentRequest
from context.models.items import ContextItem, visible_items
from context.models.kinds import Kind
from context.models.lexemes import LexemeCensus, LexemeCount
from context.models.passages import Passage
from context.models.past_passages import PastPassage
from context.models.people import PersonalToken, Role, RoleGrant, User
from context.models.relations import Relation, RelationType
from context.models.sensitivity import Sensitivity
from context.models.verifications import Verification
from context.models.versions import ContextVersion

__all__ = [
    "Compartment",
    "ContextItem",
    "ContextVersion",
    "Domain",
    "Epoch",
    "EpochMark",
    "Hold",
    "IdempotentRequest",
    "Kind",
    "LexemeCensus",
    "LexemeCount",
    "Passage",
    "PastPassage",
    "PersonalToken",
    "Relation",
    "RelationType",
    "Role",
    "RoleGrant",
    "Sensitivity",
    "User",
    "Verification",
    "visible_items",
]
