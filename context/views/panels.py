"""Parts of a page that upper floors contribute, found by dotted paths in settings; must not import them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from context.views.pages import PageRequest


def panels(sources: Mapping[str, str], request: PageRequest, **subject: Any) -> dict[str, SafeString]:
    """Each source rendered under its name. A source takes the request and the subject, and gives (template, context)
    or None where it has nothing to say."""
    rendered: dict[str, SafeString] = {}
    for name, dotted in sources.items():
        part = import_string(dotted)(request=request, **subject)
        if part is not None:
            template, context = part
            rendered[name] = render_to_string(template, context, request=request)
    return rendered
