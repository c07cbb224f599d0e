"""Addresses of the pages of the governance floor; must not hold views."""

from __future__ import annotations

from django.urls import path

from governance.views import audit, change, changes, edit, home, policies, profile, verify

app_name = "governance"

urlpatterns = [
    path("", home.home, name="home"),
    path("profile/", profile.profile, name="profile"),
    path("profile/tokens/", profile.make_token, name="make-token"),
    path("profile/tokens/<int:token_id>/revoke/", profile.end_token, name="end-token"),
    path("items/new/", edit.new_item, name="new-item"),
    path("items/preview/", edit.preview, name="preview"),
    path("items/keys/", edit.keys, name="keys"),
    path("items/verify/", verify.verify, name="verify-items"),
    path("items/<slug:domain>/<slug:slug>/edit/", edit.edit_item, name="edit-item"),
    path("items/<slug:domain>/<slug:slug>/retire/", edit.retire, name="retire-item"),
    path("items/<slug:domain>/<slug:slug>/versions/<int:number>/revert/", edit.revert, name="revert-item"),
    path("changes/", changes.changes, name="changes"),
    path("changes/<int:number>/", change.change, name="change"),
    path("changes/<int:number>/edits/<int:edit_id>/", change.edit, name="edit"),
    path("changes/<int:number>/edits/<int:edit_id>/edit/", edit.edit_new, name="edit-draft"),
    path("changes/<int:number>/describe/", change.describe, name="describe"),
    path("changes/<int:number>/remove/", change.remove, name="remove-edit"),
    path("changes/<int:number>/submit/", change.submit, name="submit"),
    path("changes/<int:number>/withdraw/", change.withdraw, name="withdraw"),
    path("changes/<int:number>/reopen/", change.reopen, name="reopen"),
    path("changes/<int:number>/review/", change.review, name="review"),
    path("changes/<int:number>/publish/", change.publish, name="publish"),
    path("changes/<int:number>/undo/", change.undo, name="undo"),
    path("audit/", audit.audit, name="audit"),
    path("audit/verify/", audit.verify, name="audit-verify"),
    path("audit/<int:sequence>/", audit.event, name="event"),
    path("policies/", policies.policies, name="policies"),
]
