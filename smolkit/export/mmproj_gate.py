"""A mmproj file through the gate: with the language model's file in llama.cpp against torch float32.

Tiles are handed over cut, so that its figures are of the file. What llama.cpp makes of a whole image by itself is
reported beside them and held to no limit: it belongs to llama.cpp and not to the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from smolkit.data.images import ImageLayout
from smolkit.errors import ModelError
from smolkit.export.gate import LIMITS, Check
from smolkit.export.gguf_file import read_layout
from smolkit.export.image_probes import image_probes
from smolkit.export.llama_candidate import LlamaVisionCandidate
from smolkit.export.mmproj import MMPROJ_QUANTS, write_mmproj
from smolkit.export.report import FileReport
from smolkit.export.source import Source, VisionSource
from smolkit.export.vision_gate import IMAGE_LIMITS, check_images
from smolkit.models.gguf_header import MMPROJ
from smolkit.runtime.mtmd import encoded, is_image, open_context, text_ids, tokenized

MMPROJ_BASE = "f16"
"""The form that is always there, as its cost is far below that of any language model's."""


class MmprojGate:
    """Writes the mmproj files of one export, and looks at images through them with each language model's file."""

    def __init__(self, source: Source, vision: VisionSource, root: Path, threads: int):
        self.source, self.vision, self.root, self.threads = source, vision, root, threads
        self.files: dict[str, Path] = {}

    def write(self, wanted: Sequence[str]) -> None:
        """The files of the types that are `wanted`, and the one that is always there."""
        source, vision = self.source, self.vision
        for quant in dict.fromkeys([MMPROJ_BASE, *(one for one in wanted if one in MMPROJ_QUANTS)]):
            self.files[quant] = write_mmproj(
                vision.model, vision.images, quant, self.root, name=source.name, license=source.license
            )

    def reports(self, text: Path) -> Iterator[FileReport]:
        """Each file, gated with the language model in `text`, which is float16."""
        source = self.source
        for quant, file in self.files.items():
            size = file.stat().st_size
            source.progress(f"{file.name}: {size / 1e6:,.0f} MB, in llama.cpp against torch float32")
            report = FileReport(
                quant=f"{MMPROJ}-{quant}",
                files=(file.name,),
                size=size,
                tensor_types=read_layout([file]).tensor_types,
                checks=tuple(self._own_checks(text, quant)),
                eyes=True,
            )
            source.progress(f"{file.name}: " + ("; ".join(map(str, report.failures)) or "passed"))
            yield report

    def checks(self, text: Path, quant: str) -> list[Check]:
        """What the language model in `text`, of that type, makes of images."""
        with closing(self._open(text, MMPROJ_BASE)) as candidate:
            return check_images(candidate, self.source.image_cases, LIMITS[quant], IMAGE_LIMITS[MMPROJ_BASE])

    def _own_checks(self, text: Path, quant: str) -> list[Check]:
        try:
            candidate = self._open(text, quant)
        except ModelError as exc:
            return [Check("loads", 0, 1, at_least=True, note=str(exc))]
        # The float16 of the language model costs as much as that of the tower.
        limits = LIMITS["f16" if quant == "f32" else quant]
        with closing(candidate):
            return [
                Check("loads", 1, 1, at_least=True),
                *check_images(candidate, self.source.image_cases, limits, IMAGE_LIMITS[quant]),
                *_own_cutting(candidate, self.files[quant], self.vision.images),
            ]

    def _open(self, text: Path, quant: str) -> LlamaVisionCandidate:
        tokens = max(len(case.sequence) for case in self.source.image_cases)
        images = self.vision.images
        return LlamaVisionCandidate(text, self.files[quant], images, tokens=tokens, threads=self.threads)


def _own_cutting(candidate: LlamaVisionCandidate, file: Path, layout: ImageLayout) -> list[Check]:
    """How far llama.cpp's own tokens and pixels of whole images are from the model's."""
    tower = candidate.tower
    context = open_context(file, candidate.llama.model, flash_attn_type=0, n_threads=1)
    others, errors = [], []
    try:
        for name, image, _ in image_probes(layout):
            wanted = candidate.encode(layout.text(layout.grid(*image.size)), special=True)
            with tokenized(context, np.asarray(image).transpose(2, 0, 1)) as chunks:
                found = [ids for chunk in chunks for ids in _ids(chunk, candidate.image_token, layout.tokens)]
                if found != wanted:
                    others.append(f"{name}: {len(found)} tokens for {len(wanted)}")
                own = encoded(context, [chunk for chunk in chunks if is_image(chunk)][-1], tower.width)
            errors.append(_error(own, tower.features(layout.tiles(image)[-1:])[0]))
    finally:
        tower.api.mtmd_free(context)
    return [
        Check("llama_cpp_layout_differences", len(others), note="; ".join(others)),
        Check("llama_cpp_overview_error", float(np.max(errors)), note="of features, by its own resampling"),
    ]


def _ids(chunk: object, image_token: int, tokens: int) -> list[int]:
    return [image_token] * tokens if is_image(chunk) else text_ids(chunk)


def _error(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.sqrt(((found - wanted) ** 2).mean() / (wanted**2).mean()))
