"""What a model's files may do in this process: hold numbers, and nothing else unless its user allows more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Trust:
    """Both let whoever made a model run any program here."""

    pickle: bool = False
    """Weights in PyTorch's pickle format may be read."""
    remote_code: bool = False
    """Python files that come with a model may be run."""


ALLOWED = Trust()
"""For the whole process, as the command line sets it: `smolkit --allow-pickle`, `smolkit --trust-remote-code`."""
