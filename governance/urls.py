"""Addresses of the pages of the governance floor; must not hold views."""

from __future__ import annotations

from django.urls import path

from governance.views import (
    absence,
    audit,
    autosave,
    change,
    changes,
    edit,
    findings,
    home,
    inbox,
    policies,
    profile,
    rebase,
    steps,
    verify,
)

app_name = "governance"

urlpatterns = [
    path("", home.home, name="home"),
    path("profile/", profile.profile, name="profile"),
    path("profile/tokens/", profile.make_token, name="make-token"),
    path("profile/tokens/<int:token_id>/revoke/", profile.end_token, name="end-token"),
    path("profile/absence/", absence.give, name="delegate"),
    path("profile/absence/<int:delegation_id>/end/", absence.end, name="end-delegation"),
    path("items/autosave/", autosave.keep, name="autosave"),
    path("items/autosave/forget/", autosave.forget, name="forget-autosave"),
    path("items/new/", edit.new_item, name="new-item"),
    path("items/preview/", edit.preview, name="preview"),
    path("items/keys/", edit.keys, name="keys"),
    path("items/verify/", verify.verify, name="verify-items"),
    path("items/assign/", verify.assign, name="propose-owner"),
    path("items/<slug:domain>/<slug:slug>/edit/", edit.edit_item, name="edit-item"),
    path("items/<slug:domain>/<slug:slug>/retire/", edit.retire, name="retire-item"),
    path("items/<slug:domain>/<slug:slug>/versions/<int:number>/revert/", edit.revert, name="revert-item"),
    path("changes/", changes.changes, name="changes"),
    path("changes/<int:number>/", change.change, name="change"),
    path("changes/<int:number>/edits/<int:edit_id>/", change.edit, name="edit"),
    path("changes/<int:number>/edits/<int:edit_id>/edit/", edit.edit_new, name="edit-draft"),
    path("changes/<int:number>/describe/", steps.describe, name="describe"),
    path("changes/<int:number>/remove/", steps.remove, name="remove-edit"),
    path("changes/<int:number>/submit/", steps.submit, name="submit"),
    path("changes/<int:number>/withdraw/", steps.withdraw, name="withdraw"),
    path("changes/<int:number>/reopen/", steps.reopen, name="reopen"),
    path("changes/<int:number>/review/", steps.review, name="review"),
    path("changes/<int:number>/publish/", steps.publish, name="publish"),
    path("changes/<int:number>/undo/", steps.undo, name="undo"),
    path("changes/<int:number>/edits/<int:edit_id>/rebase/", rebase.rebase, name="rebase"),
    path("changes/<int:number>/comments/", steps.comment, name="comment"),
    path("changes/<int:number>/comments/<int:comment_id>/settle/", steps.settle, name="settle-comment"),
    path("changes/<int:number>/emergency/", steps.emergency, name="emergency"),
    path("changes/<int:number>/ratify/", steps.ratification, name="ratify"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("findings/", findings.findings, name="findings"),
    path("findings/<int:number>/", findings.finding, name="finding"),
    path("findings/<int:number>/settle/", findings.settle, name="settle-finding"),
    path("audit/", audit.audit, name="audit"),
    path("audit/verify/", audit.verify, name="audit-verify"),
    path("audit/<int:sequence>/", audit.event, name="event"),
    path("policies/", policies.policies, name="policies"),
]
