"""The memory of a side, measured without smolkit, so that a peer's process need not hold it."""

from __future__ import annotations

import resource


def peak_memory_gib() -> float:
    """The largest resident set of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
