"""How grave a finding is, from what is wrong, how sensitive the text is and how much it is used; must not read rows.

    points = size × sensitivity × use

- size: how much is wrong, from 0 to 1, as the detector says.
- sensitivity: 1 public, 2 internal, 3 confidential, 4 restricted; of several texts the highest.
- use: 1 + log10(1 + deliveries to agents in the last 30 days). Unused 1, ten times 2, a hundred times 3.

From 6 points it is critical, from 3 high, from 1 medium, else low. An internal text that nobody was given and that is
half wrong has 1; a confidential one that is all wrong and was given to agents ten times has 6.
"""

from __future__ import annotations

from math import log10

from governance.models import Severity

LEAST_POINTS = ((Severity.CRITICAL, 6.0), (Severity.HIGH, 3.0), (Severity.MEDIUM, 1.0))


def severity_of(*, size: float, sensitivity: int, deliveries: int) -> Severity:
    """The severity that the points come to."""
    points = min(max(size, 0.0), 1.0) * (sensitivity + 1) * (1 + log10(1 + max(deliveries, 0)))
    return next((severity for severity, least in LEAST_POINTS if round(points, 6) >= least), Severity.LOW)
