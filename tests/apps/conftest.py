"""What the tests of all apps use."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where Gradio puts files, empty at first."""
    folder = tmp_path_factory.mktemp("gradio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="module")
def client(address: str) -> Any:
    """A client of the app that a module serves at its `address`."""
    from gradio_client import Client

    return Client(address, verbose=False)


Ask = Callable[[Callable[[Any], Awaitable[Any]]], Any]
"""Runs a coroutine function over a session of an MCP client."""


@pytest.fixture(scope="module")
def ask(address: str) -> Ask:
    """Asks the tools of the app that a module serves at its `address`, by the protocol's own client."""
    mcp = pytest.importorskip("mcp", reason="the protocol: pip install 'smolkit[apps]'")
    from mcp.client.streamable_http import streamable_http_client

    async def run(use: Callable[[Any], Awaitable[Any]]) -> Any:
        async with (
            streamable_http_client(f"{address}gradio_api/mcp/") as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await use(session)

    return lambda use: asyncio.run(run(use))


# ---- training runs


def metrics_line(step: int, **figures: Any) -> dict[str, Any]:
    """A line of metrics as pretraining writes it; keywords replace its figures."""
    loss = 3.0 - math.log(step) / 10
    return {
        "step": step,
        "stage": "main",
        "loss": loss,
        "loss_by_source": {"web": loss, "code": loss - 1},
        "learning_rate": 1e-3,
        "gradient_norm": 1.0 + 1 / step,
        "tokens": step * 64,
        "tokens_per_second": 128.0,
        "seconds": 0.5,
        "memory_gib": 1.25,
        **figures,
    }


def write_run_directory(directory: Path, lines: list[dict[str, Any]], **described: Any) -> Path:
    """A run directory with these metrics; keywords are what its run.json says."""
    directory.mkdir(parents=True)
    (directory / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    (directory / "run.json").write_text(json.dumps({"recipe": {}, **described}))
    return directory


@pytest.fixture(scope="session")
def line() -> Callable[..., dict[str, Any]]:
    return metrics_line


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    return write_run_directory


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is half way through."""
    lines = [metrics_line(step) for step in range(1, 2501)]
    return write_run_directory(tmp_path_factory.mktemp("growing") / "base.run", lines, plan={"steps": 5000})


@pytest.fixture(scope="session")
def tuned(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real preference run of a few steps, finished."""
    from smolkit.train import finetune
    from smolkit.train.tasks import TASKS

    recipe = {
        "task": "dpo",
        "model": str(tiny_model_dir),
        "data": {"train": [{"synth": {"rows": 12}}], "dev": [{"synth": {"rows": 2, "split": "dev"}}]},
        "dev": {"every": 2, "rows": 2},
        "batch": {"rows": 4, "micro_tokens": 512},
        "optimizer": {"lr": 1e-3},
        "epochs": 1,
        "dtype": "float32",
    }
    out = tmp_path_factory.mktemp("tuned") / "dpo"
    checked = TASKS.load("dpo").recipe.model_validate_json(json.dumps(recipe))
    finetune.train(finetune.open_run(checked), out, console=Console(quiet=True))
    return out
