"""One ONNX file through the gate: in ONNX Runtime against torch float32, whatever directory it lies in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from smolkit.errors import ModelError
from smolkit.export.gate import LIMITS, Check, check_candidate, check_task
from smolkit.export.onnx_candidate import OnnxCandidate, VisionOnnxCandidate
from smolkit.export.onnx_graph import Graph
from smolkit.export.onnx_model import OVERFLOW
from smolkit.export.precisions import PRECISIONS
from smolkit.export.report import FileReport
from smolkit.export.request import Request
from smolkit.export.vision_gate import IMAGE_LIMITS, check_images


def gate_file(
    request: Request,
    precision: str,
    types: Counter[str],
    files: list[Path],
    directory: Path,
    root: Path,
    more: list[Check] | None = None,
) -> FileReport:
    """The report of one precision in `files`, the .onnx that a runtime opens first, beside `directory` below `root`.

    `types` are those of its graphs, as `tensor_types` counts them.
    """
    source = request.source
    size = sum(file.stat().st_size for file in files)
    source.progress(f"{precision}: {size / 1e6:,.0f} MB, in ONNX Runtime against torch float32")
    checks = [*_checks(request, precision, files[0], directory), *(more or [])]
    if source.score_task and source.score and all(check.passed for check in checks):
        checks += check_task(source.score, source.score_task(files[0], source.prompt_format), LIMITS[precision])
    chosen = PRECISIONS[precision]
    four_bits = request.four_bits.within(chosen.budget) if chosen.bits == 4 else None
    report = FileReport(
        quant=precision,
        files=tuple(str(file.relative_to(root)) for file in files),
        size=size,
        tensor_types=dict(types.most_common()),
        checks=tuple(checks),
        rounded=f"with compensation ({four_bits})" if four_bits else "",
        four_bits=four_bits,
    )
    source.progress(f"{precision}: " + ("; ".join(map(str, report.failures)) or "passed"))
    return report


def tensor_types(graph: Graph) -> Counter[str]:
    """How many matrices are stored in each type, codes by their bits."""
    counts: Counter[str] = Counter()
    for node in graph.nodes:
        if node.op_type == "MatMulNBits":
            counts[f"int{next(one.i for one in node.attribute if one.name == 'bits')}"] += 1
    dense = (array for name, array in graph.arrays.items() if array.ndim == 2 and not name.endswith(".scales"))
    counts.update(str(array.dtype) for array in dense)
    return counts


def _checks(request: Request, precision: str, file: Path, directory: Path) -> list[Check]:
    checks = []
    if PRECISIONS[precision].half:
        largest, module = request.onnx.max_activation
        checks.append(Check("max_activation", largest, OVERFLOW, note=f"in {module}"))
    source, limits = request.source, LIMITS[precision]
    try:
        candidate = (VisionOnnxCandidate if source.vision else OnnxCandidate)(file, directory)
    except ModelError as exc:
        return [*checks, Check("loads", 0, 1, at_least=True, note=str(exc))]
    try:
        checks.append(Check("loads", 1, 1, at_least=True))
        checks += check_candidate(candidate, source.reference, limits)
        if isinstance(candidate, VisionOnnxCandidate):
            checks += check_images(candidate, source.image_cases, limits, IMAGE_LIMITS[precision])
    finally:
        candidate.close()
    return checks
