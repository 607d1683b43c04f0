"""Tiles of images, cut in threads ahead of the steps that read them, so that training does not wait for files.

Pillow lets go of the interpreter while it decodes and resizes; a training thread runs beside it. What was cut is kept
while there is room, for the next pass over the rows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from smolkit.data.batches import MicroBatch
from smolkit.data.images import ImageLayout, ImageSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AHEAD = 3
"""Micro-batches that are cut before they are asked for."""
_KEPT = 1 << 30
"""Bytes of tiles that stay."""


class TileLoader:
    """The tiles of micro-batches that come in the order given; asked for another, it goes on from there.

    `images(row)` are the images of an example. Raises DataError, when their batch is asked for, for images that cannot
    be read.
    """

    def __init__(
        self,
        order: Sequence[MicroBatch],
        images: Callable[[int], Sequence[ImageSource]],
        layout: ImageLayout,
        *,
        workers: int = 2,
        kept: int = _KEPT,
    ):
        self.order, self.images, self.layout, self.kept = order, images, layout, kept
        self.threads = ThreadPoolExecutor(workers, thread_name_prefix="tiles")
        self.cut: OrderedDict[tuple[int, int], Future[NDArray[np.uint8]]] = OrderedDict()
        """By row and image, the least recently asked for first."""
        self.at = 0

    def take(self, micro: MicroBatch) -> NDArray[np.uint8]:
        """The tiles of all images of a micro-batch in the order of its rows, uint8 [tiles, 3, side, side]."""
        self.at = self._place(micro)
        wanted = self._begin(micro)
        for later in self.order[self.at + 1 : self.at + 1 + _AHEAD]:
            self._begin(later)
        tiles = [future.result() for future in wanted]
        self._forget()
        side = self.layout.tile
        return np.concatenate(tiles) if tiles else np.zeros((0, 3, side, side), np.uint8)

    def close(self) -> None:
        self.threads.shutdown(cancel_futures=True)

    def _place(self, micro: MicroBatch) -> int:
        """Where a micro-batch stands in the order, looked for from the last one on and then from the beginning."""
        places = [*range(self.at, len(self.order)), *range(self.at)]
        return next((place for place in places if self.order[place] is micro), self.at)

    def _begin(self, micro: MicroBatch) -> list[Future[NDArray[np.uint8]]]:
        found = []
        for row in micro.rows:
            for number, source in enumerate(self.images(row)):
                key = row, number
                if key not in self.cut:
                    self.cut[key] = self.threads.submit(self._tiles, source)
                self.cut.move_to_end(key)
                found.append(self.cut[key])
        return found

    def _tiles(self, source: ImageSource) -> NDArray[np.uint8]:
        return self.layout.tiles(source.load())

    def _forget(self) -> None:
        done = [(key, future.result().nbytes) for key, future in self.cut.items() if _is_sound(future)]
        spare = sum(size for _, size in done) - self.kept
        for key, size in done:
            if spare <= 0:
                return
            del self.cut[key]
            spare -= size


def _is_sound(future: Future[NDArray[np.uint8]]) -> bool:
    return future.done() and future.exception() is None
