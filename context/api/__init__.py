"""The JSON endpoints of the context floor: reading what is approved; must hold no rule."""

from __future__ import annotations
