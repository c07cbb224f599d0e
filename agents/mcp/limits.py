"""Bounds how often a key may call, in this process; must not know what is called.

A bucket a key, filled evenly: `MCP_CALLS_PER_MINUTE` calls fit in, and so many come back each minute. The buckets of
several web processes do not know of each other, so that a key may call at most that often at each of them. They are
guarded by a lock: two calls at once never take the same place.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from threading import Lock

from django.conf import settings

from config.api.errors import TooManyRequests

MOST_KEYS = 10_000  # those longest unheard of are forgotten first: by then their buckets are full again

_buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()
_lock = Lock()


def take_turn(*, key: int, now: float | None = None) -> None:
    """Take one call out of the key's bucket, or raise TooManyRequests with the seconds until one is back."""
    most = settings.MCP_CALLS_PER_MINUTE
    moment = time.monotonic() if now is None else now
    with _lock:
        left, at = _buckets.pop(key, (float(most), moment))
        left = min(float(most), left + (moment - at) * most / 60)
        taken = left >= 1
        _buckets[key] = (left - 1 if taken else left, moment)
        while len(_buckets) > MOST_KEYS:
            _buckets.popitem(last=False)
    if not taken:
        seconds = max(1, math.ceil((1 - left) * 60 / most))
        raise TooManyRequests(
            f"This key has made its {most} calls of a minute.",
            limit=most,
            fix=f"Call again in {seconds} second{'' if seconds == 1 else 's'}.",
            retry_after=seconds,
        )
