"""What transformers.js reads of a SmolVLM besides its graphs: how images are cut, and the tokens that stand for them.

Each of these files is read by a processor of its own, so that a model loads without them and fails at its first image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from smolkit.data.images import MARKERS
from smolkit.export.check_files import WRONG, Finding, Snapshot, place

_SETTINGS, _PROCESSOR = "preprocessor_config.json", "processor_config.json"
_CLASSES = {
    "processor_class": ("SmolVLMProcessor", "Idefics3Processor"),
    "image_processor_type": ("SmolVLMImageProcessor", "Idefics3ImageProcessor"),
}


def check_images(snapshot: Snapshot) -> Iterator[Finding]:
    """Everything about the files of a SmolVLM's processor; none where a directory is complete."""
    yield from snapshot.required_json(_SETTINGS, _PROCESSOR)
    settings, config = snapshot.json(_SETTINGS), snapshot.json("config.json")
    if settings:
        yield from _check_settings(settings)
    if snapshot.json(_PROCESSOR):
        yield from _check_count(snapshot.json(_PROCESSOR), settings, config)
    yield from _check_tokens(snapshot, config)


def _check_settings(settings: Mapping[str, Any]) -> Iterator[Finding]:
    for name, known in _CLASSES.items():
        found = settings.get(name)
        if str(found).removesuffix("Fast") not in known:
            what = f"is {found!r}, and no processor of this library" if found else "is not here, and no processor found"
            yield Finding(WRONG, place(_SETTINGS, name), what, f"Write {known[0]}")
    for name in ("size", "max_image_size"):
        if not _edge(settings, name):
            what = "is not here, and images are resized to it"
            yield Finding(WRONG, place(_SETTINGS, f"{name}.longest_edge"), what, "Take the file from the source model")


def _check_count(
    processor: Mapping[str, Any], settings: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[Finding]:
    """The features of a tile: so many image tokens are written for each."""
    where, told = place(_PROCESSOR, "image_seq_len"), processor.get("image_seq_len")
    patch, scale = (config.get("vision_config") or {}).get("patch_size"), config.get("scale_factor")
    tile = _edge(settings, "max_image_size")
    if not isinstance(told, int):
        yield Finding(WRONG, where, "is not here, and a tile is written as so many tokens", "Add it")
    elif tile and patch and scale and told != (made := (tile // patch // scale) ** 2):
        what = f"is {told}, and a tile of {tile} pixels has {made} features"
        yield Finding(WRONG, where, what, f"Write {made}")


def _check_tokens(snapshot: Snapshot, config: Mapping[str, Any]) -> Iterator[Finding]:
    where, told = place("config.json", "image_token_id"), config.get("image_token_id", config.get("image_token_index"))
    added = snapshot.json("tokenizer.json").get("added_tokens") or []
    ids = {one.get("content"): one.get("id") for one in added}
    if config and told is None:
        yield Finding(WRONG, where, "is not here, and features take the place of that token", "Add it")
    if lost := [marker for marker in MARKERS if marker not in ids] if ids else []:
        what = f"has no {lost[0]!r}, which stands around images"
        what += f", and {len(lost) - 1} more like it" if len(lost) > 1 else ""
        yield Finding(WRONG, "tokenizer.json:added_tokens", what, "Take the tokenizer of the source model")
    elif told is not None and ids and ids[MARKERS[-1]] != told:
        what = f"is {told}, and the tokenizer's {MARKERS[-1]} is {ids[MARKERS[-1]]}"
        yield Finding(WRONG, where, what, "Take both files from the source model")


def _edge(settings: Mapping[str, Any], name: str) -> int | None:
    found = settings.get(name)
    edge = found.get("longest_edge") if isinstance(found, dict) else None
    return edge if isinstance(edge, int) else None
