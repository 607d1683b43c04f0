"""A model directory in ONNX Runtime as it is: the graph is made in memory, in float32, and no file is written.

On a processor that does not multiply bfloat16 it is the fastest way to run a small model; numbers are torch's to 1e-4.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.registry import require

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class GraphInMemory:
    """An .onnx file that was never written."""

    name: str
    """What to call it in an error."""
    content: bytes
    arrays: dict[str, NDArray[Any]]
    """What lies outside of `content`; whoever runs it keeps them."""


def is_faster(directory: Path) -> bool:
    """Whether this Hugging Face directory runs faster here than in torch: see `evals/results/runtimes.md`.

    Torch keeps what it computes in bfloat16, whatever has a GPU, and what is more than a plain Llama model.
    """
    if any(find_spec(module) is None for module in ("onnx", "onnxruntime")):
        return False
    import torch

    from smolkit.models.device import has_fast_bfloat16

    return not torch.cuda.is_available() and not has_fast_bfloat16() and not _faults(directory)


def _faults(directory: Path) -> list[str]:
    from transformers import LlamaConfig

    from smolkit.export.architecture import llama_faults

    try:
        content = json.loads((directory / "config.json").read_bytes())
        if content.get("model_type") != "llama":
            return ["another architecture"]
        return llama_faults(LlamaConfig.from_dict(content))
    except Exception as exc:  # transformers checks with classes of its own; torch's loader says what is wrong
        return [str(exc)]


def graph_of(directory: Path) -> GraphInMemory:
    """The graph of a Hugging Face directory. Raises ModelError for other than a plain Llama model."""
    import numpy as np
    import torch

    from smolkit.export.graph import Shape, llama_graph
    from smolkit.export.onnx_file import in_memory
    from smolkit.export.onnx_model import check_llama, layer_weights
    from smolkit.models import load_model

    require("onnx", extra="onnx", why="running a model in ONNX Runtime")
    model = load_model(directory, dtype=torch.float32)
    check_llama(model.config)
    content, arrays = in_memory(llama_graph(Shape.of(model.config), layer_weights(model, {}), np.float32))
    return GraphInMemory(str(directory), content, arrays)
