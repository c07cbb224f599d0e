"""A world to route in, for the pages that show one."""

from __future__ import annotations

from tests.routing.conftest import world

__all__ = ["world"]
