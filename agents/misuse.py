"""Notes that a key was presented and refused, for the detector of drift; must not decide what is refused."""

from __future__ import annotations

from agents.models import MisuseReason
from context.statements import rows

# At most one write a minute for each key and reason, and nobody waits for another's: a flood of bad keys costs reads.
_NOTE = """
INSERT INTO agents_keymisuse (key_id, reason, first_at, last_at, times)
SELECT %(key)s::bigint, %(reason)s::text, clock_timestamp(), clock_timestamp(), 1
WHERE NOT EXISTS (
    SELECT FROM agents_keymisuse WHERE key_id IS NOT DISTINCT FROM %(key)s::bigint AND reason = %(reason)s::text
)
ON CONFLICT DO NOTHING
RETURNING id
"""
_AGAIN = """
UPDATE agents_keymisuse SET last_at = clock_timestamp(), times = times + 1 WHERE id = (
    SELECT id FROM agents_keymisuse
    WHERE key_id IS NOT DISTINCT FROM %(key)s::bigint AND reason = %(reason)s::text
    AND last_at < clock_timestamp() - interval '1 minute'
    FOR UPDATE SKIP LOCKED
) RETURNING id
"""


def note_misuse(*, key_id: int | None, reason: MisuseReason) -> None:
    """One or two statements."""
    parameters = {"key": key_id, "reason": reason.value}
    if not rows(_NOTE, parameters):
        rows(_AGAIN, parameters)
