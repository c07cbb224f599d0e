"""Screens texts for what a reviewer may overlook and an agent would not; says where, and never changes anything."""

from __future__ import annotations

from context.screening.model import RULES_VERSION, Alarm, Check
from context.screening.screen import screen, shielded
from context.screening.visible import visible

__all__ = ["RULES_VERSION", "Alarm", "Check", "screen", "shielded", "visible"]
