"""Which sort of caller reaches a view at all; must not decide what they may do there (the domain does)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from context.access import Principal

if TYPE_CHECKING:
    from rest_framework.views import APIView

Caller = Literal["person", "agent"]


class IsKnownCaller(BasePermission):
    """Somebody who proved who they are, of a sort that the view is open to."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        kind = request.auth.kind if isinstance(request.auth, Principal) else "person"
        if kind not in getattr(view, "open_to", ("person",)):
            raise PermissionDenied("This address is for people: an agent's key does not reach it.")
        return True
