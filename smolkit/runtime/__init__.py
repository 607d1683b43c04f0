"""Running models: one extractor over torch, llama.cpp and ONNX Runtime, with decoding held to the template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from smolkit.registry import Registry

if TYPE_CHECKING:
    from smolkit.runtime.decoding import Backend
    from smolkit.runtime.extractor import Extractor

RUNTIMES = Registry(
    "runtime",
    {
        "torch": "smolkit.runtime.torch_backend:TorchBackend",
        "llama.cpp": "smolkit.runtime.llamacpp:LlamaCppBackend",
        "onnx": "smolkit.runtime.onnx_backend:OnnxBackend",
    },
)


def open_extractor(
    model: str | Path,
    *,
    runtime: str | None = None,
    dtype: str = "auto",
    threads: int | None = None,
    prompt_format: str | None = None,
) -> Extractor:
    """An extractor for a model by any of its names: bundled, directory, Hub id, GGUF or ONNX file, export
    directory.

    `prompt_format` overrides the one that the model says it was trained with; the rest is `open_backend`'s.
    """
    from smolkit.runtime.extractor import Extractor

    return Extractor(open_backend(model, runtime=runtime, dtype=dtype, threads=threads), prompt_format)


def open_backend(
    model: str | Path, *, runtime: str | None = None, dtype: str = "auto", threads: int | None = None
) -> Backend:
    """What computes a model's logits.

    Without a `runtime`, `default_runtime` chooses. `dtype` is what a model's own weights are to be: int8 asks for ONNX
    Runtime, any other type for torch.
    """
    of_type = {"auto": "", "int8": "onnx"}.get(dtype, "torch")
    name = runtime or of_type or default_runtime(model)
    backend: Backend = RUNTIMES.load(name).open(model, dtype=dtype, threads=threads)
    return backend


def default_runtime(model: str | Path) -> str:
    """The runtime for a model that names none: llama.cpp and ONNX Runtime take what was exported for them.

    A model's own weights go to torch, and to ONNX Runtime where that is faster (`onnx_weights.is_faster`).
    """
    path = Path(model).expanduser()
    if path.suffix == ".gguf":
        return "llama.cpp"
    if path.suffix == ".onnx":
        return "onnx"
    if path.is_dir() and not (path / "config.json").is_file() and any(path.glob("*.gguf")):
        return "llama.cpp"
    from smolkit.runtime.onnx_files import has_weights

    exported = path.is_dir() and not has_weights(path)
    if exported and any(True for depth in ("*", "*/*") for _ in path.glob(f"{depth}.onnx")):
        return "onnx"

    from smolkit.models.resolve import resolve
    from smolkit.runtime.onnx_weights import is_faster

    return "onnx" if is_faster(resolve(model)) else "torch"
