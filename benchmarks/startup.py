"""How long `smolkit --help` takes beside `trl --help`: wall time in seconds, in turns, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
PROGRAMS = ("smolkit", "trl")


def measure(program: str) -> float:
    """Seconds from start to end of `program --help`, the program being the one of this Python environment."""
    command = [str(Path(sys.executable).parent / program), "--help"]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Print median and range of each program; the first, cold run of each is left out."""
    for program in PROGRAMS:
        measure(program)
    seconds: dict[str, list[float]] = {program: [] for program in PROGRAMS}
    for _ in range(RUNS):
        for program in PROGRAMS:  # in turns, so that a busy moment hits both
            seconds[program].append(measure(program))
    print(f"{'program':<16}{'median s':>10}{'fastest':>10}{'slowest':>10}   ({RUNS} runs each)")
    for program, values in seconds.items():
        print(f"{program + ' --help':<16}{statistics.median(values):>10.3f}{min(values):>10.3f}{max(values):>10.3f}")
    ratio = statistics.median(seconds["trl"]) / statistics.median(seconds["smolkit"])
    print(f"smolkit starts {ratio:.1f} times as fast as trl")


if __name__ == "__main__":
    main()
