"""The target `onnx`: a flat directory for onnxruntime-genai, which plain ONNX Runtime opens as well.

One precision lies at the top of the directory; of several each has a directory of its own, named for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

from smolkit.errors import ModelError
from smolkit.export.companions import write_config, write_genai_config, write_tokenizer
from smolkit.export.gate import LIMITS, Check
from smolkit.export.genai import GenaiModel
from smolkit.export.onnx_file import write_graph
from smolkit.export.onnx_gate import gate_file, tensor_types
from smolkit.export.precisions import PRECISIONS
from smolkit.export.report import ExportReport, FileReport
from smolkit.export.request import Request
from smolkit.export.target import Target


def write(request: Request, quants: Sequence[str], root: Path) -> ExportReport:
    """Write and gate every precision; see `Target`."""
    several = len(quants) > 1
    files = tuple(_write(request, one, root / one if several else root, root) for one in quants)
    source = request.source
    return ExportReport("onnx", source.given, source.name, source.prompt_format, files)


def _write(request: Request, precision: str, directory: Path, root: Path) -> FileReport:
    source = request.source
    directory.mkdir(exist_ok=True)
    graph = request.onnx.graph(precision)
    files = write_graph(
        graph,
        directory / "model.onnx",
        part_name=lambda number: "model.onnx.data" + (f".{number}" if number else ""),
        last_logits_only=True,
    )
    write_config(source, directory)
    write_tokenizer(source, directory, inline_template=False, spelled_out=True)
    fused = any(node.op_type == "GroupQueryAttention" for node in graph.nodes)
    write_genai_config(source, directory, inputs=[one.name for one in graph.inputs], shared_cache=fused)
    return gate_file(
        request, precision, tensor_types(graph), files, directory, root, _in_genai(request, precision, directory)
    )


def _in_genai(request: Request, precision: str, directory: Path) -> list[Check]:
    """That onnxruntime-genai loads the directory, cuts text as the source does and chooses the same tokens."""
    reference = request.source.reference
    try:
        model = GenaiModel(directory)
    except ModelError as exc:
        return [Check("genai_loads", 0, 1, at_least=True, note=str(exc))]
    texts = [(text, ids) for text, special, ids in reference.encodings if special]
    # It ignores normalisers, so a text in another form than the tokenizer's is its user's to normalise.
    normaliser = request.source.tokenizer.backend_tokenizer.normalizer
    normal = type(normaliser).__name__ == "NFC"
    texts = [(normalize("NFC", text) if normal else text, ids) for text, ids in texts]
    wrong = [text for text, ids in texts if model.encode(text) != ids]
    equal = total = 0
    for case in reference.cases:
        chosen = model.follow(case.prompt, case.continuation)
        equal += sum(one == other for one, other in zip(chosen, case.continuation, strict=True))
        total += len(case.continuation)
    return [
        Check("genai_loads", 1, 1, at_least=True),
        Check("genai_tokenizer_differences", len(wrong), 0, note=f"first {wrong[0]!r}" if wrong else ""),
        Check("genai_greedy_agreement", equal / total, LIMITS[precision].greedy, at_least=True),
    ]


TARGET = Target(
    "onnx",
    write,
    tuple(PRECISIONS),
    defaults=("q4",),
    reader="onnxruntime-genai",
    extra="onnx",
    needs=("onnx", "onnxruntime", "onnxruntime_genai"),
    sees=False,
)
