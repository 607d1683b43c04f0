"""Peers that do not fit beside our own libraries: installed once, into a folder of their own below out/."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "out" / "peers"


def peer_environment(name: str, requirements: Sequence[str]) -> dict[str, str]:
    """Environment variables in which `import name` finds the peer, with our own torch; installs it where missing.

    `requirements` are all packages that it needs in other versions than ours, itself among them.
    """
    folder = FOLDER / name
    done = folder / ".installed"
    if not done.is_file():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        subprocess.run([*command, *requirements], check=True)
        done.touch()
    return {**os.environ, "PYTHONPATH": str(folder)}
