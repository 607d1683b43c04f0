"""The models of the vision app: those that see an image, and those that fill a template from the text read in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smolkit.apps.models import Given, Models, list_choices
from smolkit.errors import ModelError
from smolkit.models import BUNDLED, MODELS, resolve
from smolkit.models.resolve import is_hub_id
from smolkit.models.vision import is_vision_directory
from smolkit.models.vision_zoo import VISION_ZOO
from smolkit.runtime.mtmd import find_mmproj, is_mmproj
from smolkit.runtime.onnx_files import DECODER

DEFAULT = "smolvlm2-256m-video-instruct"
"""What sees where no model is named, if the Hub can be reached or its cache holds it."""


@dataclass(frozen=True)
class Chosen:
    """Models as the command line or the environment names them, by what they read."""

    seeing: list[Given]
    reading: list[Given]


def choose(models: Sequence[Given], readers: Sequence[Given] = ()) -> Chosen:
    """Those of the models that see, and as readers of text the given ones, those that do not see, or the bundled."""
    seeing = [given for given in models if sees(given.model)]
    blind = [given for given in models if given not in seeing]
    return Chosen(seeing, [*readers, *blind] or [Given(BUNDLED)])


def default_models() -> list[str]:
    """`DEFAULT`, fetched if it has to be; none where there is no network."""
    try:
        resolve(DEFAULT)
    except ModelError:
        return []
    return [DEFAULT]


def sees(model: str) -> bool:
    """Whether a model reads images, by its name or its files. A name that only the Hub knows is taken to."""
    if model == BUNDLED or model in MODELS:
        return model in VISION_ZOO
    path = Path(model).expanduser()
    if path.is_file():
        return DECODER in path.name or (path.suffix == ".gguf" and find_mmproj(path) is not None)
    if path.is_dir():
        return any(map(is_vision_directory, (path, *path.iterdir()))) or any(map(is_mmproj, path.rglob("*.gguf")))
    return is_hub_id(model)


@dataclass(frozen=True)
class Readers:
    """The models while the app is served; the first that a visitor meets is open."""

    seeing: Models | None
    """None where no model here sees; then all there is, is the text in an image."""
    reading: Models

    @classmethod
    def of(cls, chosen: Chosen) -> Readers:
        if not chosen.seeing:
            return cls(None, Models.of(chosen.reading))
        return cls(Models.of(chosen.seeing), Models(list_choices(chosen.reading)))

    @property
    def names(self) -> list[str]:
        return [*(self.seeing.names if self.seeing else ()), *self.reading.names]

    def close(self) -> None:
        for models in (self.seeing, self.reading):
            if models is not None:
                models.close()

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
