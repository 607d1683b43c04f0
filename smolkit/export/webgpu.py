"""The target `webgpu`: a directory for transformers.js, in the browser or in Node, and by choice a page beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smolkit.export.companions import write_config, write_tokenizer
from smolkit.export.onnx_candidate import OnnxCandidate
from smolkit.export.onnx_file import write_graph
from smolkit.export.onnx_gate import gate_file
from smolkit.export.onnx_model import OVERFLOW
from smolkit.export.page import SELFTEST_TOKENS, space_header, write_page
from smolkit.export.precisions import PRECISIONS
from smolkit.export.report import ExportReport, FileReport
from smolkit.export.request import Request
from smolkit.export.target import Target


def write(request: Request, quants: Sequence[str], root: Path) -> ExportReport:
    """Write and gate every precision; see `Target`. Defaults that float16 cannot hold are left out."""
    source = request.source
    wanted = list(quants)
    if request.quants is None:
        wanted = [precision for precision in wanted if not _overflows(request, precision)]
    (root / "onnx").mkdir()
    write_tokenizer(source, root, inline_template=True)
    parts: dict[str, int] = {}
    write_config(source, root)
    files: list[FileReport] = []
    for precision in wanted:
        name = PRECISIONS[precision].file
        graph = request.onnx.graph(precision)
        written = write_graph(
            graph,
            root / "onnx" / f"{name}.onnx",
            part_name=lambda number, name=name: f"{name}.onnx_data" + (f"_{number}" if number else ""),  # type: ignore[misc]
        )
        parts[f"{name}.onnx"] = len(written) - 1
        files.append(gate_file(request, precision, graph, written, root, root))
    write_config(source, root, **{"transformers.js_config": javascript_config(wanted, parts)})
    if request.page:
        _write_page(request, root, wanted)
    return ExportReport("webgpu", source.given, source.name, source.prompt_format, tuple(files))


def _write_page(request: Request, root: Path, precisions: list[str]) -> None:
    """The page, with a self-test that each of its files passes on the CPU: a device that fails it computes wrongly."""
    source = request.source
    prompt, wanted = source.reference.surest(SELFTEST_TOKENS)
    answers = {name: _greedy(root, name, prompt, len(wanted)) for name in precisions}
    tokens = answers.get("q4", wanted)
    sound = [name for name in precisions if answers[name] == tokens]
    request.card_header["webgpu"] = space_header(source.name)
    write_page(
        root,
        title=source.name,
        prompt_format=source.prompt_format,
        selftest={"prompt_ids": prompt, "tokens": tokens},
        allowed={
            "webgpu": [name for name in ("q4f16", "q4", "fp16", "fp32") if name in sound],
            "wasm": [name for name in ("q4", "q8", "fp32") if name in sound],
        },
    )
    (root / "README.md").unlink()  # the card comes later, with the same header


def _greedy(root: Path, precision: str, prompt: list[int], count: int) -> list[int]:
    candidate = OnnxCandidate(root / "onnx" / f"{PRECISIONS[precision].file}.onnx", root)
    try:
        return candidate.greedy(prompt, count)
    finally:
        candidate.close()


def javascript_config(precisions: list[str], parts: dict[str, int]) -> dict[str, object]:
    """`transformers.js_config`: the files in parts, the precision by device, and the cache's type for 3.x and 4.1."""
    four = "q4" if "q4" in precisions else precisions[0]
    webgpu = next((name for name in ("q4f16", "q4", "fp16") if name in precisions), precisions[0])
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
