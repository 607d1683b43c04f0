"""Tiles of micro-batches, cut ahead in threads."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smolkit.data.batches import MicroBatch
from smolkit.data.images import ImageLayout, ImageSource
from smolkit.data.tiles import TileLoader
from smolkit.errors import DataError

LAYOUT = ImageLayout(tile=16, tokens=4, longest_edge=16, split=False)


def sources(folder: Path, count: int) -> list[tuple[ImageSource, ...]]:
    """One image a row, each of one grey."""
    found = []
    for grey in range(count):
        path = folder / f"{grey}.png"
        Image.new("RGB", (20, 20), (grey, grey, grey)).save(path)
        found.append((ImageSource(path, path.name),))
    return found


def greys(tiles: np.ndarray) -> list[int]:
    return tiles[:, 0, 0, 0].tolist()


def test_tiles_come_in_the_order_of_the_rows_of_a_batch(tmp_path: Path) -> None:
    images = sources(tmp_path, 6)
    order = [MicroBatch((2, 0), 64), MicroBatch((5,), 64), MicroBatch((1, 3, 4), 64)]
    loader = TileLoader(order, images.__getitem__, LAYOUT)
    assert [greys(loader.take(micro)) for micro in order] == [[2, 0], [5], [1, 3, 4]]


def test_later_batches_are_cut_before_they_are_asked_for(tmp_path: Path) -> None:
    order = [MicroBatch((row,), 64) for row in range(3)]
    cut: dict[int, str] = {}

    class Watched(ImageSource):
        def load(self) -> Image.Image:
            cut[int(self.where)] = threading.current_thread().name
            return Image.new("RGB", (4, 4))

    loader = TileLoader(order, lambda row: [Watched(b"", str(row))], LAYOUT)
    loader.take(order[0])
    loader.threads.shutdown(wait=True)
    assert sorted(cut) == [0, 1, 2]
    assert all(name != threading.current_thread().name for name in cut.values())


def test_a_resumed_run_finds_its_place(tmp_path: Path) -> None:
    images = sources(tmp_path, 4)
    order = [MicroBatch((row,), 64) for row in (0, 1, 2, 3, 0, 1)]
    loader = TileLoader(order, images.__getitem__, LAYOUT)
    assert greys(loader.take(order[4])) == [0]
    assert loader.at == 4
    assert greys(loader.take(order[1])) == [1]
    assert loader.at == 1


def test_what_was_cut_is_kept_only_while_there_is_room(tmp_path: Path) -> None:
    images = sources(tmp_path, 8)
    order = [MicroBatch((row,), 64) for row in range(8)]
    loader = TileLoader(order, images.__getitem__, LAYOUT, kept=2 * 3 * 16 * 16)
    assert [greys(loader.take(micro)) for micro in order] == [[row] for row in range(8)]
    loader.threads.shutdown(wait=True)
    loader._forget()
    assert len(loader.cut) == 2


def test_an_image_that_broke_since_it_was_checked_is_named(tmp_path: Path) -> None:
    images = sources(tmp_path, 1)
    (tmp_path / "0.png").write_bytes(b"gone")
    loader = TileLoader([MicroBatch((0,), 64)], images.__getitem__, LAYOUT)
    with pytest.raises(DataError, match=r"0\.png"):
        loader.take(loader.order[0])


def test_rows_without_images_have_no_tiles() -> None:
    loader = TileLoader([MicroBatch((0,), 64)], lambda row: (), LAYOUT)
    assert loader.take(loader.order[0]).shape == (0, 3, 16, 16)
