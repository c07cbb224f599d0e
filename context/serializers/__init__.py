"""How the context floor's records are written as JSON; must hold no rule and make no query."""

from __future__ import annotations
