"""The gate's image part: its reference, and the faults that its figures catch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from smolkit.data.images import IMAGE, ImageLayout
from smolkit.export.gate import LIMITS
from smolkit.export.image_probes import IMAGES, image_probes, prompt
from smolkit.export.onnx_model import scan_activations
from smolkit.export.source import Source, open_source
from smolkit.export.vision_gate import IMAGE_LIMITS, check_images
from smolkit.models.vision import embed, image_features

if TYPE_CHECKING:
    from numpy.typing import NDArray


@pytest.fixture(scope="module")
def source(tiny_vlm: Path) -> Source:
    return open_source(tiny_vlm)


class TorchCandidate:
    """The source model by this toolkit's own functions, which the reference does not use."""

    def __init__(self, source: Source):
        assert source.vision
        self.whole, self.language = source.vision.model, source.model
        self.features: Any = None

    def encode(self, text: str, *, special: bool) -> list[int]:
        raise NotImplementedError("images say nothing of it")

    def ends(self, token: int) -> bool:
        raise NotImplementedError("images say nothing of it")

    def look(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            self.features = image_features(self.whole, torch.from_numpy(tiles))
        found: NDArray[np.float32] = self.features.numpy()
        return found

    def prefill(self, ids: Sequence[int]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            states = embed(self.whole, torch.tensor(ids), self.features)
            logits: NDArray[np.float32] = self.language(inputs_embeds=states[None]).logits[0].numpy()
        return logits

    def decode(self, prompt: Sequence[int], continuation: Sequence[int]) -> NDArray[np.float32]:
        return self.prefill([*prompt, *continuation[:-1]])[len(prompt) - 1 :]

    def close(self) -> None:
        pass


class TilesInAnotherOrder(TorchCandidate):
    def look(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        return super().look(np.ascontiguousarray(tiles[::-1]))


class ColoursInAnotherOrder(TorchCandidate):
    def look(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        return super().look(np.ascontiguousarray(tiles[:, ::-1]))


class FeaturesInAnotherOrder(TorchCandidate):
    """They are right, and come to the wrong places."""

    def look(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = super().look(tiles)
        self.features = self.features.flip(1)
        return found


class OneFeatureLess(TorchCandidate):
    def look(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        return super().look(tiles)[:, 1:]


def failed(source: Source, candidate: TorchCandidate) -> set[str]:
    found = check_images(candidate, source.image_cases, LIMITS["fp32"], IMAGE_LIMITS["fp32"])
    return {check.name for check in found if not check.passed}


def test_the_model_itself_passes_and_every_figure_is_named_for_images(source: Source) -> None:
    found = check_images(TorchCandidate(source), source.image_cases, LIMITS["fp32"], IMAGE_LIMITS["fp32"])
    assert [check.name for check in found if not check.passed] == []
    assert {check.name for check in found} == {
        "image_features_max_abs", "image_features_error", "image_prefill_max_abs", "image_decode_max_abs",
        "image_prefill_decode_gap", "image_prefill_kl", "image_decode_kl", "image_top1_agreement",
        "image_greedy_agreement",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (TilesInAnotherOrder, {"image_features_max_abs", "image_features_error", "image_prefill_max_abs"}),
        (ColoursInAnotherOrder, {"image_features_max_abs", "image_features_error", "image_prefill_max_abs"}),
        (FeaturesInAnotherOrder, {"image_prefill_max_abs", "image_prefill_kl"}),
        (OneFeatureLess, {"image_features_shape"}),
    ],
)
def test_a_fault_is_seen_by_the_figures_that_it_touches(
    source: Source, fault: Callable[[Source], TorchCandidate], seen: set[str]
) -> None:
    found = failed(source, fault(source))
    assert found >= seen
    assert any("features" in name for name in found) == any("features" in name for name in seen)


def test_the_reference_is_on_images_of_one_tile_and_of_more(source: Source) -> None:
    cases = source.image_cases
    assert [case.name for case in cases] == ["image receipt", "image chart", "image gradient"]
    assert [len(case.tiles) for case in cases] == [1, 3, 3]
    assert len(cases) == IMAGES
    token = source.vision.model.config.image_token_id if source.vision else None
    for case in cases:
        assert case.prompt.count(token) == case.features.shape[0] * case.features.shape[1]
        assert case.logits.shape == (len(case.sequence), source.config.vocab_size)
        assert case.features.dtype == case.logits.dtype == np.float32


def test_the_first_image_is_not_resampled() -> None:
    layout = ImageLayout(tile=64, tokens=16, longest_edge=256, split=True)
    first, *others = image_probes(layout)
    tiles = first.layout.tiles(first.image)
    assert np.array_equal(tiles[0].transpose(1, 2, 0), np.asarray(first.image))
    assert [probe.layout.grid(*probe.image.size) for probe in others] == [(1, 2), (2, 1)]


def test_images_are_the_same_every_time() -> None:
    layout = ImageLayout(tile=32, tokens=4, longest_edge=32, split=False)
    once, again = ([probe.image.tobytes() for probe in image_probes(layout)] for _ in range(2))
    assert once == again
    assert len(set(once)) == IMAGES


@pytest.mark.parametrize("prompt_format", ["smolkit-1", None])
def test_a_prompt_holds_the_image_where_its_format_has_it(source: Source, prompt_format: str | None) -> None:
    picture = f"<fake_token_around_image><global-img>{IMAGE * 4}<fake_token_around_image>"
    ids = prompt(source.tokenizer, prompt_format, picture)
    assert picture in source.tokenizer.decode(ids)
    assert source.tokenizer.decode(ids).endswith("<|im_start|>assistant\n")


def test_text_figures_are_those_of_the_language_model(source: Source) -> None:
    import torch

    case = source.reference.cases[0]
    with torch.inference_mode():
        assert source.vision
        whole = source.vision.model(torch.tensor([case.sequence])).logits[0].numpy()
    np.testing.assert_allclose(case.logits, whole, atol=1e-5)


def test_the_scan_for_overflow_looks_into_the_tower(source: Source) -> None:
    import torch

    assert source.vision
    quiet, _ = scan_activations(source)
    bias = source.vision.model.model.vision_model.encoder.layers[0].mlp.fc1.bias
    with torch.no_grad():
        bias[0] += 5e4
    try:
        largest, module = scan_activations(source)
    finally:
        with torch.no_grad():
            bias[0] -= 5e4
    assert quiet < 1e3
    assert largest > 4.9e4
    assert module.startswith("model.vision_model.encoder.layers.0.mlp")
