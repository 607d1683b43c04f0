"""A model directory in ONNX Runtime as it is: the graph is made in memory, and no file is written.

The weights are float32, whose numbers are torch's to 1e-4, or 8-bit integers, as in an export with `--quant q8`. Which
is the fastest way to run a small model depends on the processor: `evals/results/runtimes.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.errors import ModelError
from smolkit.registry import require

if TYPE_CHECKING:
    from numpy.typing import NDArray

TYPES = ("float32", "int8")
"""What the weights can be in memory."""


@dataclass(frozen=True)
class GraphInMemory:
    """An .onnx file that was never written."""

    name: str
    """What to call it in an error."""
    content: bytes
    arrays: dict[str, NDArray[Any]]
    """What lies outside of `content`; whoever runs it keeps them."""


def is_faster(directory: Path) -> bool:
    """Whether this Hugging Face directory runs faster here than in torch.

    Torch keeps whatever has a GPU, and what is more than a plain Llama model.
    """
    if any(find_spec(module) is None for module in ("onnx", "onnxruntime")):
        return False
    import torch

    from smolkit.models.device import has_fast_bfloat16, has_fast_int8

    faster = not torch.cuda.is_available() and (has_fast_int8() or not has_fast_bfloat16())
    return faster and not _faults(directory)


def pick_type(name: str = "auto") -> str:
    """The type of that name; `auto` is int8 where the processor is fastest with it, else float32."""
    from smolkit.models.device import has_fast_int8

    if name == "auto":
        return "int8" if has_fast_int8() else "float32"
    if name not in TYPES:
        raise ModelError(f"ONNX Runtime has no weights in {name!r} here", given=name, known=["auto", *TYPES])
    return name


def graph_of(directory: Path, kind: str = "float32") -> GraphInMemory:
    """The graph of a Hugging Face directory, its weights in one of `TYPES`.

    Raises ModelError for other than a plain Llama model.
    """
    import numpy as np
    import torch

    from smolkit.export.graph import Shape, llama_graph
    from smolkit.export.onnx_file import in_memory
    from smolkit.export.onnx_model import check_llama, eight_bits, layer_weights
    from smolkit.models import load_model
    from smolkit.models.vision import is_vision

    require("onnx", extra="onnx", why="running a model in ONNX Runtime")
    with _one_thread():
        model = load_model(directory, dtype=torch.float32)
        if is_vision(model.config):
            fix = "Export it with --target webgpu and run that, or give --runtime torch"
            raise ModelError("ONNX Runtime runs a SmolVLM from an export only", where=str(directory), fix=fix)
        check_llama(model.config)
        weights = layer_weights(model, eight_bits(model) if kind == "int8" else {})
    content, arrays = in_memory(llama_graph(Shape.of(model.config), weights, np.float32))
    return GraphInMemory(str(directory), content, arrays)


def _faults(directory: Path) -> list[str]:
    from transformers import LlamaConfig

    from smolkit.export.onnx_model import graph_faults

    try:
        content = json.loads((directory / "config.json").read_bytes())
        if content.get("model_type") != "llama":
            return ["another architecture"]
        return graph_faults(LlamaConfig.from_dict(content))
    except Exception as exc:  # transformers checks with classes of its own; torch's loader says what is wrong
        return [str(exc)]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch from starting threads, which would wait in a loop and take the cores from ONNX Runtime's."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
