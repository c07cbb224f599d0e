"""What the views of one change have in common: the answer, its entity tag, and when it may be repeated; no rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from django.http import HttpResponse

from config.api.entity_tags import check_if_match
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from context.models import User
from governance.change_state import get_change, record_change_read
from governance.models import Change
from governance.reading import read_change
from governance.serializers.changes import ChangeSerializer

ADDRESS = re.compile(r"/api/v1/changes/([0-9]+)/")


def address_of(change_id: int) -> str:
    return f"/api/v1/changes/{change_id}/"


class ChangeView(ApiView):
    """A view that writes a change and answers with it as it then stands."""

    @property
    def actor(self) -> User:
        return cast(User, self.request.user)

    def change_once(self, effect: Callable[[], int], *, status: int = 200) -> HttpResponse:
        """Carry out `effect`, once for an Idempotency-Key, and answer with the change whose id it gives."""

        def answer() -> HttpResponse:
            return self.change_response(effect(), status=status)

        return self.write(answer, may_repeat=self._may_repeat)

    def change_response(self, change_id: int, *, status: int = 200) -> HttpResponse:
        change = read_change(principal=self.principal, change_id=change_id)
        body = rendered(ChangeSerializer(change))
        return json_response(body, status=status, etag=change.etag, location=address_of(change.pk))

    def record_read(self, change_id: int) -> None:
        """Record that the proposed texts were shown, where one is restricted. Call it once the answer is made."""
        change = get_change(principal=self.principal, change_id=change_id)
        record_change_read(change, self.principal, "change", self.now)

    def matched(self, change_id: int) -> int:
        """The row version that the caller's If-Match names; the domain checks it again under its lock."""
        change: Change = get_change(principal=self.principal, change_id=change_id)
        check_if_match(self.http_request, current=change.etag)
        return change.row_version

    def _may_repeat(self, headers: Mapping[str, Any]) -> None:
        """A stored answer tells of a change: it is sent again only to who may still see that change."""
        address = ADDRESS.match(str(headers.get("Location") or headers.get("Content-Location") or ""))
        if address is not None:
            get_change(principal=self.principal, change_id=int(address.group(1)))
