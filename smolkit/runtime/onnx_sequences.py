"""An ONNX decoder in ONNX Runtime on the CPU, and the growing sequences that it continues.

`Sequences` is for graphs with fused attention: past and present of all sequences lie in one buffer that a run writes
in place, so no step copies a cache. The kernel takes several rows of one token each, or one row of any number of
tokens; `append` cuts its work into such runs. `SeparateSequences` is for any other graph: it runs row by row, each
with a cache of its own that every run returns longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smolkit.errors import ModelError
from smolkit.registry import require
from smolkit.runtime.onnx_weights import GraphInMemory

if TYPE_CHECKING:
    from numpy.typing import NDArray

_QUIET = 3
"""Errors only: ONNX Runtime remarks on an input that has a default."""
_SPIN_MICROSECONDS = "50"
"""How long a thread waits in a loop for the next product: as long as one comes after the other, and no longer. By
default it is much longer, and takes the core from whatever else runs: decoding then took half as long again."""
_ROOM = 256
"""Tokens of an answer for which there is room from the start."""


class Decoder:
    """A session, and the shape of what goes in and out.

    One that reads embeddings has them from `embed`, which whoever opens it sets: ids [rows, tokens] to states.
    """

    embed: Callable[[NDArray[np.int64]], NDArray[np.float32]]

    def __init__(self, graph: Path | GraphInMemory, *, threads: int | None = None):
        self.runtime: Any = require("onnxruntime", extra="onnx", why="running an ONNX file")
        self._arrays: list[Any] = []
        self.session = open_graph(graph, threads, self._arrays)
        inputs = {one.name: one for one in self.session.get_inputs()}
        outputs = {one.name: one for one in self.session.get_outputs()}
        self.past = [name for name in inputs if name.startswith("past_key_values.")]
        self.present = [name.replace("past_key_values", "present") for name in self.past]
        self.reads = "inputs_embeds" if "inputs_embeds" in inputs else "input_ids"
        missing = [name for name in (self.reads,) if name not in inputs]
        missing += [name for name in ("logits", *self.present) if name not in outputs]
        if missing or not self.past:
            raise ModelError(
                f"not a text model with a key-value cache: it has no {(missing or ['past_key_values'])[0]!r}",
                where=_name(graph),
                fix="Write the graph with smolkit export",
            )
        open_sizes = [inputs[name].shape[at] for name in self.past for at in (1, 3)]
        if unknown := next((size for size in open_sizes if not isinstance(size, int)), None):
            raise ModelError(
                f"the graph does not say how large its cache is, only {unknown!r}",
                where=_name(graph),
                fix="Write the graph with smolkit export, or the sizes into it",
            )
        optional = {one.name for one in self.session.get_overridable_initializers()}
        self.inputs = inputs.keys() | optional
        self.cache_sizes = [(inputs[name].shape[1], inputs[name].shape[3]) for name in self.past]
        """Heads and the size of a head, of each input."""
        self.kind = np.float16 if "float16" in inputs[self.past[0]].type else np.float32
        self.vocab_size = int(outputs["logits"].shape[-1])
        self.one = self.runtime.OrtValue.ortvalue_from_numpy(np.array(1, np.int64))

    def states(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """What the input `reads` is given for ids [rows, tokens]."""
        return ids if self.reads == "input_ids" else self.embed(ids)


def open_graph(graph: Path | GraphInMemory, threads: int | None, arrays: list[Any] | None = None) -> Any:
    """A session on the CPU. Raises ModelError in one line where it does not load.

    `arrays` gets the weights of a graph in memory: the session reads them where they are, as long as they live.
    """
    runtime: Any = require("onnxruntime", extra="onnx", why="running an ONNX file")
    options = runtime.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_MICROSECONDS)
    content: str | bytes = str(graph)
    if isinstance(graph, GraphInMemory):
        content = graph.content
        assert arrays is not None
        arrays += [runtime.OrtValue.ortvalue_from_numpy(array) for array in graph.arrays.values()]
        options.add_external_initializers(list(graph.arrays), arrays)
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # its errors have no common class below Exception
        line = str(exc).strip().partition("\n")[0] or type(exc).__name__
        raise ModelError(
            f"ONNX Runtime cannot load this file ({line})",
            where=_name(graph),
            fix="It is cut short, or weights beside it are missing",
        ) from exc


def _name(graph: Path | GraphInMemory) -> str:
    return graph.name if isinstance(graph, GraphInMemory) else str(graph)


class Sequences:
    """Sequences in one buffer, [2 x layers, sequences, kv heads, room, head size].

    A place in it is a slot. Sequences that go on stand in the first slots: the last one moves to where one ended, and
    no run computes what nobody reads.
    """

    def __init__(self, decoder: Decoder):
        self.decoder = decoder
        self._pool: NDArray[Any] = np.empty(0, decoder.kind)
        self._prefix: tuple[list[int], NDArray[Any]] = ([], self._shaped(self._pool, 1, 0))
        self._bindings: dict[tuple[int, int], Any] = {}
        self.rows: list[int] = []
        """Which sequence stands in each slot."""
        self.lengths: list[int] = []

    def start(self, shared: list[int], rooms: Sequence[int]) -> None:
        """Begin one sequence for each room, in tokens, all with the shared tokens, which are read once."""
        if self._prefix[0] != shared:
            self._prefix = (shared, self._read(shared))
        self._take(len(rooms), max(rooms) + _ROOM)
        self._cache[:, :, :, : len(shared)] = self._prefix[1]
        self.rows = list(range(len(rooms)))
        self.lengths = [len(shared)] * len(rooms)

    def append(self, tokens: Sequence[list[int]]) -> NDArray[np.float32]:
        """Logits [sequences, vocabulary] after the tokens; a sequence without tokens has ended."""
        logits = np.empty((len(tokens), self.decoder.vocab_size), np.float32)
        self._drop([slot for slot, row in enumerate(self.rows) if not tokens[row]])
        parts = [tokens[row] for row in self.rows]
        if not parts:
            return logits
        self._reserve(max(length + len(part) for length, part in zip(self.lengths, parts, strict=True)))
        # A row with tokens of its own runs alone. Where most rows have one token, its last one goes with them.
        together = 2 * sum(len(part) == 1 for part in parts) >= len(parts) > 1
        for slot, part in enumerate(parts):
            alone = part[:-1] if together else part
            if alone:
                row = self.rows[slot]
                self._run(slot, np.array([alone], np.int64), logits[row : row + 1])
        if together:
            found = np.empty((len(parts), self.decoder.vocab_size), np.float32)
            self._run(0, np.array([part[-1:] for part in parts], np.int64), found)
            logits[self.rows] = found
        return logits

    def _run(self, first: int, ids: NDArray[np.int64], logits: NDArray[np.float32]) -> None:
        """Continue the slots from `first` on by ids [slots, tokens]; writes the logits of the last token of each."""
        count, new = ids.shape
        ends = np.array(self.lengths[first : first + count]) + new
        binding = self._binding(first, count)
        states = self.decoder.states(ids)
        binding.bind_cpu_input(self.decoder.reads, states)
        binding.bind_cpu_input("attention_mask", (np.arange(ends.max()) < ends[:, None]).astype(np.int64))
        shape = (count, 1, self.decoder.vocab_size)
        binding.bind_output("logits", "cpu", 0, np.float32, shape, logits.ctypes.data)
        self.decoder.session.run_with_iobinding(binding)
        self.lengths[first : first + count] = ends.tolist()

    def _binding(self, first: int, count: int) -> Any:
        """Past and present of some slots, bound to the same memory."""
        if (first, count) not in self._bindings:
            decoder, binding = self.decoder, self.decoder.session.io_binding()
            binding.bind_ortvalue_input("num_logits_to_keep", decoder.one)
            for past, present, cache in zip(decoder.past, decoder.present, self._cache, strict=True):
                part = cache[first : first + count]
                place = ("cpu", 0, decoder.kind, part.shape, part.ctypes.data)
                binding.bind_input(past, *place)
                binding.bind_output(present, *place)
            self._bindings[first, count] = binding
        return self._bindings[first, count]

    def _drop(self, ended: Sequence[int]) -> None:
        for slot in reversed(ended):
            last = len(self.rows) - 1
            if slot != last:
                length = self.lengths[last]
                self._cache[:, slot, :, :length] = self._cache[:, last, :, :length]
                self.rows[slot], self.lengths[slot] = self.rows[last], length
            del self.rows[last], self.lengths[last]

    def _read(self, ids: list[int]) -> NDArray[Any]:
        """The keys and values of some tokens alone."""
        self._take(1, len(ids))
        self.rows, self.lengths = [0], [0]
        if ids:
            self._run(0, np.array([ids], np.int64), np.empty((1, self.decoder.vocab_size), np.float32))
        return self._cache.copy()

    def _reserve(self, room: int) -> None:
        """Make room for so many tokens in each slot."""
        if room > self._cache.shape[3]:
            old, slots = self._cache, len(self.rows)
            self._pool = np.empty(0, self.decoder.kind)  # the old cache still lies in the one before
            self._take(slots, room + _ROOM)
            self._cache[:, :, :, : old.shape[3]] = old[:, :slots]

    def _take(self, slots: int, room: int) -> None:
        """A cache of other content, in memory that is used again: fresh pages cost as much as what is written there."""
        heads, head_size = self.decoder.cache_sizes[0]
        size = len(self.decoder.past) * slots * heads * room * head_size
        if size > self._pool.size:
            self._pool = np.empty(size, self.decoder.kind)
        self._cache = self._shaped(self._pool[:size], slots, room)
        self._bindings.clear()

    def _shaped(self, flat: NDArray[Any], slots: int, room: int) -> NDArray[Any]:
        heads, head_size = self.decoder.cache_sizes[0]
        return flat.reshape(len(self.decoder.past), slots, heads, room, head_size)


class SeparateSequences:
    """Sequences that run one after the other, for graphs that append to the cache by themselves."""

    def __init__(self, decoder: Decoder):
        self.decoder = decoder
        self._prefix: tuple[list[int], list[Any]] = ([], self._empty())
        self._caches: list[list[Any]] = []

    def start(self, shared: list[int], rooms: Sequence[int]) -> None:
        if self._prefix[0] != shared:
            self._prefix = (shared, self._run(shared, self._empty())[1] if shared else self._empty())
        self._caches = [self._prefix[1]] * len(rooms)  # no run changes what it is given

    def append(self, tokens: Sequence[list[int]]) -> NDArray[np.float32]:
        logits = np.empty((len(tokens), self.decoder.vocab_size), np.float32)
        for row, part in enumerate(tokens):
            if part:
                logits[row], self._caches[row] = self._run(part, self._caches[row])
        return logits

    def _run(self, ids: list[int], cache: list[Any]) -> tuple[NDArray[np.float32], list[Any]]:
        decoder = self.decoder
        before = cache[0].shape()[2]
        feed = {
            decoder.reads: decoder.states(np.array([ids], np.int64)),
            "attention_mask": np.ones((1, before + len(ids)), np.int64),
            "position_ids": np.arange(before, before + len(ids), dtype=np.int64)[None],
            "num_logits_to_keep": np.array(1, np.int64),
        }
        value = decoder.runtime.OrtValue.ortvalue_from_numpy
        values = {name: value(array) for name, array in feed.items() if name in decoder.inputs}
        values |= dict(zip(decoder.past, cache, strict=True))
        logits, *present = decoder.session.run_with_ort_values(["logits", *decoder.present], values)
        return logits.numpy()[0, -1].astype(np.float32), present

    def _empty(self) -> list[Any]:
        value = self.decoder.runtime.OrtValue.ortvalue_from_numpy
        return [value(np.zeros((1, heads, 0, size), self.decoder.kind)) for heads, size in self.decoder.cache_sizes]
