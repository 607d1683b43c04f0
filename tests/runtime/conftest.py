from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smolkit.runtime import open_extractor
from smolkit.runtime.extractor import Extractor


@pytest.fixture(scope="session")
def tiny(tiny_model_dir: Path) -> Iterator[Extractor]:
    """Random weights in float32: what it writes is noise, so only the grammar can make it fit a template."""
    with open_extractor(tiny_model_dir, dtype="float32") as extractor:
        yield extractor
