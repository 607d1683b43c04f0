"""What one export is asked for, and what all its targets share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from smolkit.errors import SmolkitError
from smolkit.export.four_bits import FourBits, check_budget
from smolkit.export.onnx_model import OnnxModel
from smolkit.export.source import Source

if TYPE_CHECKING:
    from smolkit.data.rows import Row
    from smolkit.export.importance import Importance

BACKENDS = ("smolkit", "optimum")


@dataclass
class Request:
    """A source with the choices that were made for it."""

    source: Source
    quants: Sequence[str] | None = None
    """Those that were asked for; each target takes its own defaults where None."""
    backend: str = "smolkit"
    bits_per_weight: float | None = None
    calibration_source: str = "synthetic rows"
    calibration_rows: Sequence[Row | str] | None = None
    """Rows, or texts, that the quantiser sees; synthetic rows where None."""
    page: bool = False
    """Whether a web page goes beside the files."""
    card_header: dict[str, dict[str, Any]] = field(default_factory=dict)
    """More front matter for the card, by target; a target that needs it puts it here."""

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise SmolkitError(f"unknown backend {self.backend!r}", given=self.backend, known=BACKENDS)
        check_budget(self.bits_per_weight)
        if self.page and self.source.vision:
            raise SmolkitError("the page fills templates from text, and shows no images", fix="Leave --page out")

    @cached_property
    def calibration(self) -> list[list[int]]:
        """Token sequences that the quantiser sees."""
        from smolkit.export.importance import calibration_sequences

        return calibration_sequences(self.calibration_rows, self.source.tokenizer, self.source.prompt_format)

    @cached_property
    def importance(self) -> Importance:
        """How strongly each input of each matrix is driven by the calibration rows."""
        from smolkit.export.importance import collect

        self.source.progress(f"importance over {sum(map(len, self.calibration)):,} calibration tokens")
        return collect(self.source.model, self.calibration, source=self.calibration_source)

    @cached_property
    def four_bits(self) -> FourBits:
        """The four-bit forms, one for each budget, which all formats share."""
        return FourBits(self.source, lambda: self.calibration, self.bits_per_weight)

    @cached_property
    def onnx(self) -> OnnxModel:
        """The graphs of the two ONNX targets."""
        return OnnxModel(self.source, self.backend, self.four_bits)
