"""The JSON endpoints of the governance floor: changes, their reviews, verification, the ledger; must hold no rule."""

from __future__ import annotations
