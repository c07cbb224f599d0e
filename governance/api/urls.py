"""The addresses of the governance floor under /api/v1/; must not hold views."""

from __future__ import annotations

from django.urls import URLPattern, path

from governance.api.audit import EventListView, ExportView, VerifyView
from governance.api.changes import ChangeDetailView, ChangeDiffView, ChangeImpactView, ChangeListView
from governance.api.checkpoints import CheckpointListView, ConsistencyView, InclusionView
from governance.api.comments import CommentListView, SettleCommentView
from governance.api.edits import EditListView, EditView, RecordEditView
from governance.api.emergencies import EmergencyView, RatificationView, RebaseView, ReceiptView
from governance.api.findings import (
    AcknowledgeFindingView,
    AssignFindingView,
    DismissFindingView,
    ExceptFindingView,
    FindingListView,
    FindingView,
    ResolveFindingView,
)
from governance.api.keeping import (
    EvidenceView,
    HoldListView,
    LiftHoldView,
    PauseStreamView,
    ResumeStreamView,
    RetentionView,
    StreamListView,
    StreamView,
)
from governance.api.mine import DelegationListView, EditingView, EndDelegationView, InboxView
from governance.api.readiness import InventoryView
from governance.api.scans import ScanListView, ScanView
from governance.api.screening import ChangeScreeningView
from governance.api.sources import CheckSourceView, SourceIntervalView, SourceView, UploadSourceView
from governance.api.steps import PublishView, ReopenView, RevertView, ReviewView, SubmitView, WithdrawView
from governance.api.verification import VerifyItemsView

# An address that cannot be a change or a key falls through to the one answer for what is not there.
CHANGE = "changes/<int:change_id>/"
KEY = "<slug:domain>/<slug:slug>/"

urlpatterns: list[URLPattern] = [
    path("context/items/verify/", VerifyItemsView.as_view()),
    path("context/inventory/", InventoryView.as_view()),
    path("changes/", ChangeListView.as_view()),
    path(f"{CHANGE}", ChangeDetailView.as_view()),
    path(f"{CHANGE}diff/", ChangeDiffView.as_view()),
    path(f"{CHANGE}impact/", ChangeImpactView.as_view()),
    path(f"{CHANGE}screening/", ChangeScreeningView.as_view()),
    path(f"{CHANGE}edits/", EditListView.as_view()),
    path(f"{CHANGE}edits/{KEY}", EditView.as_view()),
    path(f"{CHANGE}records/<slug:record>/<slug:key>/", RecordEditView.as_view()),
    path(f"{CHANGE}submit/", SubmitView.as_view()),
    path(f"{CHANGE}reviews/", ReviewView.as_view()),
    path(f"{CHANGE}publish/", PublishView.as_view()),
    path(f"{CHANGE}withdraw/", WithdrawView.as_view()),
    path(f"{CHANGE}reopen/", ReopenView.as_view()),
    path(f"{CHANGE}revert/", RevertView.as_view()),
    path("drift/scans/", ScanListView.as_view()),
    path("drift/scans/<int:scan_id>/", ScanView.as_view()),
    path(f"{CHANGE}comments/", CommentListView.as_view()),
    path(f"{CHANGE}comments/<int:comment_id>/settle/", SettleCommentView.as_view()),
    path(f"{CHANGE}edits/{KEY}rebase/", RebaseView.as_view()),
    path(f"{CHANGE}emergency/", EmergencyView.as_view()),
    path(f"{CHANGE}ratifications/", RatificationView.as_view()),
    path(f"{CHANGE}reviews/<int:review_id>/receipt/", ReceiptView.as_view()),
    path(f"context/items/{KEY}editing/", EditingView.as_view()),
    path(f"context/items/{KEY}source/", SourceView.as_view()),
    path(f"context/items/{KEY}source/check/", CheckSourceView.as_view()),
    path(f"context/items/{KEY}source/interval/", SourceIntervalView.as_view()),
    path(f"context/items/{KEY}source/upload/", UploadSourceView.as_view()),
    path("inbox/", InboxView.as_view()),
    path("delegations/", DelegationListView.as_view()),
    path("delegations/<int:delegation_id>/end/", EndDelegationView.as_view()),
    path("drift/findings/", FindingListView.as_view()),
    path("drift/findings/<int:finding_id>/", FindingView.as_view()),
    path("drift/findings/<int:finding_id>/acknowledge/", AcknowledgeFindingView.as_view()),
    path("drift/findings/<int:finding_id>/resolve/", ResolveFindingView.as_view()),
    path("drift/findings/<int:finding_id>/dismiss/", DismissFindingView.as_view()),
    path("drift/findings/<int:finding_id>/except/", ExceptFindingView.as_view()),
    path("drift/findings/<int:finding_id>/assign/", AssignFindingView.as_view()),
    path("audit/evidence/", EvidenceView.as_view()),
    path("audit/streams/", StreamListView.as_view()),
    path("audit/streams/<slug:name>/", StreamView.as_view()),
    path("audit/streams/<slug:name>/pause/", PauseStreamView.as_view()),
    path("audit/streams/<slug:name>/resume/", ResumeStreamView.as_view()),
    path("audit/holds/", HoldListView.as_view()),
    path("audit/holds/<int:hold_id>/lift/", LiftHoldView.as_view()),
    path("audit/retention/", RetentionView.as_view()),
    path("audit/events/", EventListView.as_view()),
    path("audit/verify/", VerifyView.as_view()),
    path("audit/events/<int:sequence>/proof/", InclusionView.as_view()),
    path("audit/checkpoints/", CheckpointListView.as_view()),
    path("audit/checkpoints/<int:sequence>/proof/", ConsistencyView.as_view()),
    path("audit/export/", ExportView.as_view()),
]
