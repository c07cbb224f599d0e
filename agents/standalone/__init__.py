"""Scripts that are handed to others and run without Plumbline; must not be imported by it."""

from __future__ import annotations
