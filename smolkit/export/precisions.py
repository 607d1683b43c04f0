"""The ways to store an ONNX model: what activations and the cache are, and how many bits a weight has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smolkit.export.four_bits import BUDGET, SMALL_BUDGET


@dataclass(frozen=True)
class Precision:
    """One row of the table. `file` is what transformers.js calls such a graph, without `.onnx`."""

    kind: type[np.floating]
    bits: int | None
    file: str
    budget: float = 0.0
    """Of four bits, see `four_bits`."""

    @property
    def suffix(self) -> str:
        """What follows the name of any graph, where a model is more than one."""
        return self.file.removeprefix("model")

    @property
    def half(self) -> bool:
        """Whether activations are float16, and may overflow."""
        return self.kind is np.float16


PRECISIONS: dict[str, Precision] = {
    "fp32": Precision(np.float32, None, "model"),
    "fp16": Precision(np.float16, None, "model_fp16"),
    "q8": Precision(np.float32, 8, "model_quantized"),
    "q4": Precision(np.float32, 4, "model_q4", budget=BUDGET),
    "q4f16": Precision(np.float16, 4, "model_q4f16", budget=SMALL_BUDGET),
}
