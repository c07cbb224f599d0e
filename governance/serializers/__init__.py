"""How the governance floor's records are read from and written as JSON; must hold no rule."""

from __future__ import annotations
