"""The plumbing every JSON endpoint shares: problems, strict JSON, pages, entity tags, idempotency; must hold no rule.

Nothing here imports an app above `context`, so that each floor may use it.
"""

from __future__ import annotations
