"""How soon the extraction demo can be used, and how fast it answers: start-up, and an example when warm, in seconds.

    python -m benchmarks.demo [MODEL ...]

Each model is started `STARTS` times, as `smolkit demo extraction --model MODEL` does it, in processes of their own.
Start-up ends when the page is there, which is after the model was opened; then an example is sent to its endpoint.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXAMPLE = "Product page, French"
STARTS = 5
ANSWERS = 9
_LONGEST_START = 120.0
_PRESETS = Path(__file__).resolve().parent.parent / "apps" / "extraction" / "examples.json"


@contextmanager
def started(model: str) -> Iterator[tuple[str, float]]:
    """The demo's address and the seconds it took to be there; the demo ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "smolkit", "demo", "extraction", "--model", model, "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while not _answers(address):
            if process.poll() is not None or time.perf_counter() - began > _LONGEST_START:
                process.kill()
                raise SystemExit(f"the demo of {model} did not start: {process.communicate()[1].strip()}")
            time.sleep(0.02)
        yield address, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def answer_times(address: str) -> tuple[list[float], dict[str, object]]:
    """Seconds of every answer but the first, as the client sees them; and the figures of the last answer."""
    from gradio_client import Client

    preset = next(preset for preset in json.loads(_PRESETS.read_text(encoding="utf-8")) if preset["name"] == EXAMPLE)
    client = Client(address, verbose=False)
    arguments = (preset["text"], json.dumps(preset["template"]), preset["verbatim"])
    seconds, figures = [], {}
    for _ in range(ANSWERS + 1):
        began = time.perf_counter()
        *_, figures = client.predict(*arguments, api_name="/extract")
        seconds.append(time.perf_counter() - began)
    return seconds[1:], figures


def main() -> None:
    """Print a line for each model: median and range of its starts and of its answers."""
    print(f"{'model':<28}{'start s':>9}{'range':>14}{'answer s':>10}{'range':>14}  new tokens")
    for model in sys.argv[1:] or ["bundled"]:
        starts, answers, figures = [], [], {}
        for number in range(STARTS):
            with started(model) as (address, seconds):
                starts.append(seconds)
                if number == STARTS - 1:
                    answers, figures = answer_times(address)
        print(
            f"{Path(model).name:<28}{statistics.median(starts):>9.2f}{_range(starts):>14}"
            f"{statistics.median(answers):>10.2f}{_range(answers):>14}  {figures['new_tokens']}",
            flush=True,
        )


def _range(values: list[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


if __name__ == "__main__":
    main()
