"""ANLS: how near a short answer comes to one of the accepted answers, and nothing for one that is further than half.

The measure of DocVQA and ST-VQA (arXiv:1905.13648): Levenshtein similarity, 0 below one half, the best over the
accepted answers, averaged over the questions. Case and the width of white space do not count.
"""

from __future__ import annotations

from collections.abc import Iterable

from smolkit.extraction.credit import THRESHOLDED


def anls(answer: str, accepted: Iterable[str]) -> float:
    """What one answer earns, in [0, 1]. Raises ValueError where nothing is accepted."""
    given = folded(answer)
    return max(THRESHOLDED(given, folded(one)) for one in accepted)


def is_exact(answer: str, accepted: Iterable[str]) -> bool:
    """Whether the answer is one of the accepted ones, case and the width of white space aside."""
    return folded(answer) in {folded(one) for one in accepted}


def folded(text: str) -> str:
    """In lower case, each run of white space one space, none at the ends."""
    return " ".join(text.lower().split())
