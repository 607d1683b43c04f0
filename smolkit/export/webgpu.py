"""The target `webgpu`: a directory for transformers.js, in the browser or in Node, and by choice a page beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from smolkit.data.render import TokenizerEncoder
from smolkit.export.companions import write_config, write_tokenizer
from smolkit.export.onnx_candidate import OnnxCandidate
from smolkit.export.onnx_file import write_graph
from smolkit.export.onnx_gate import gate_file, tensor_types
from smolkit.export.onnx_model import OVERFLOW
from smolkit.export.page import SELFTEST_TOKENS, LibrarySource, library_source, space_header, write_page
from smolkit.export.precisions import PRECISIONS
from smolkit.export.report import ExportReport, FileReport
from smolkit.export.request import Request
from smolkit.export.target import Target
from smolkit.export.wasm_graph import write_wasm_graph
from smolkit.extraction.prompt import guess_format

_ON_GPU = ("q4f16", "q4", "fp16", "fp32")
_ON_CPU = ("q4", "q8", "fp32")
"""Precisions that run there, the best first. q8 on WebGPU gives wrong answers, float16 in WebAssembly is slow."""


def write(request: Request, quants: Sequence[str], root: Path) -> ExportReport:
    """Write and gate every precision; see `Target`. Defaults that float16 cannot hold are left out."""
    source = request.source
    wanted = list(quants)
    if not set(request.quants or ()) & set(PRECISIONS):  # defaults
        wanted = [precision for precision in wanted if not _overflows(request, precision)]
    libraries = library_source(source.progress) if request.page else None
    (root / "onnx").mkdir()
    write_tokenizer(source, root, inline_template=True)
    write_config(source, root)
    if source.vision:
        source.vision.images.write(root)
    parts: dict[str, int] = {}
    files = tuple(_write_precision(request, precision, root, parts) for precision in wanted)
    write_config(source, root, **{"transformers.js_config": javascript_config(wanted, parts)})
    if libraries:
        _write_page(request, root, wanted, libraries)
    return ExportReport(
        "webgpu", source.given, source.name, source.prompt_format, files, sees=source.vision is not None
    )


def _write_precision(request: Request, precision: str, root: Path, parts: dict[str, int]) -> FileReport:
    """Write and gate the graphs of one precision; `parts` gets the number of weight files of each by its name."""
    files: list[Path] = []
    types: Counter[str] = Counter()
    for session, graph in request.onnx.graphs(precision):
        name = f"{session}{PRECISIONS[precision].suffix}.onnx"
        written = write_graph(graph, root / "onnx" / name, part_name=partial(_part_name, name))
        parts[name] = len(written) - 1
        files += written
        types += tensor_types(graph)
    return gate_file(request, precision, types, files, root, root)


def _part_name(name: str, number: int) -> str:
    return f"{name}_data" + (f"_{number}" if number else "")


def _write_page(request: Request, root: Path, precisions: list[str], libraries: LibrarySource) -> None:
    """The page, with a self-test that each of its files passes on the CPU: a device that fails it computes wrongly."""
    source = request.source
    prompt, wanted = source.reference.surest(SELFTEST_TOKENS)
    graphs = {name: root / "onnx" / f"{PRECISIONS[name].file}.onnx" for name in precisions}
    answers = {name: _greedy(graph, root, prompt, len(wanted)) for name, graph in graphs.items()}
    tokens = answers.get("q4", wanted)
    sound = [name for name in precisions if answers[name] == tokens]
    unpacked = {}
    for name in _ON_CPU:
        made = write_wasm_graph(graphs[name]) if name in sound else None
        if made is None:
            continue
        if _greedy(made, root, prompt, len(wanted)) == tokens:
            unpacked[name] = sorted(file.name for file in made.parent.glob(f"{graphs[name].name}_data*"))
        else:
            source.progress(f"{made.name} answers otherwise than {graphs[name].name}, and is left out")
            made.unlink()
    request.card_header["webgpu"] = space_header(source.name)
    write_page(
        root,
        title=source.name,
        prompt_format=source.prompt_format or guess_format(TokenizerEncoder(source.tokenizer)),
        selftest={"prompt_ids": prompt, "tokens": tokens},
        allowed={
            "webgpu": [name for name in _ON_GPU if name in sound],
            "wasm": [name for name in _ON_CPU if name in sound],
        },
        unpacked=unpacked,
        libraries=libraries,
    )
    (root / "README.md").unlink()  # the card comes later, with the same header


def _greedy(graph: Path, root: Path, prompt: list[int], count: int) -> list[int]:
    candidate = OnnxCandidate(graph, root)
    try:
        return candidate.greedy(prompt, count)
    finally:
        candidate.close()


def javascript_config(precisions: list[str], parts: dict[str, int]) -> dict[str, object]:
    """`transformers.js_config`: the files in parts, the precision by device, and the cache's type for 3.x and 4.1."""
    four, webgpu = (
        next((name for name in ranking if name in precisions), precisions[0]) for ranking in (_ON_CPU, _ON_GPU)
    )
    return {
        "use_external_data_format": parts,
        "device_config": {
            "webgpu": {"dtype": webgpu},
            "wasm": {"dtype": four},
            "cpu": {"dtype": four},
        },
        "dtype": four,
        "kv_cache_dtype": dict.fromkeys(("fp16", "q4f16"), "float16"),
    }


def _overflows(request: Request, precision: str) -> bool:
    """Whether float16 cannot hold what this model computes, so that the precision is left out unless asked for."""
    if not PRECISIONS[precision].half:
        return False
    largest, module = request.onnx.max_activation
    if largest > OVERFLOW:
        request.source.progress(f"{precision} is left out: {module} reaches {largest:,.0f}, too near float16's 65,504")
    return largest > OVERFLOW


TARGET = Target(
    "webgpu",
    write,
    tuple(PRECISIONS),
    defaults=("fp32", "q4", "q4f16"),
    reader="transformers.js >= 4.2",
    extra="onnx",
    needs=("onnx", "onnxruntime"),
)
