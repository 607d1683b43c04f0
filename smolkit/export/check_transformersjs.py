"""transformers.js: what its releases ask of a directory, by their source and by trying the runtimes that they carry.

Read: 3.0.2 to 3.8.1, 4.0.0 to 4.3.1. Tried, with one operator a graph: ONNX Runtime 1.21.0 and 1.24.3, and the
WebAssembly builds 1.22-dev (3.8), 1.26-dev (4.1) and 1.31-dev (4.3). Text decoders with a plain key-value cache and
SmolVLM are checked in full; of other architectures only files, formats and operators.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from smolkit.export.check_decoder import DEVICES, WEB, Decoder, Rules, Session, Sizes, check_operators
from smolkit.export.check_files import (
    FAULT,
    NOTE,
    WRONG,
    Finding,
    Outcome,
    Snapshot,
    UnreadableFile,
    by_device,
    place,
)
from smolkit.export.check_images import check_images
from smolkit.export.check_onnx import OnnxFile, check_external, check_versions

MAX_PART_BYTES = 2_000_000_000
"""A browser holds a file in one buffer, which ends a little above."""

_DTYPES = {
    "fp32": "",
    "fp16": "_fp16",
    "q8": "_quantized",
    "int8": "_int8",
    "uint8": "_uint8",
    "q4": "_q4",
    "q4f16": "_q4f16",
    "bnb4": "_bnb4",
}
_DTYPES_4 = _DTYPES | {"q2": "_q2", "q2f16": "_q2f16", "q1": "_q1", "q1f16": "_q1f16"}

# Text decoders whose cache is past_key_values.{i}.key|value, [batch, num_key_value_heads, past, head_dim].
_DECODER_NAMES = (
    "arcee cohere ernie4_5 gemma gemma2 gemma3_text glm granite helium llama llama4_text ministral ministral3 mistral"
    " mobilellm nanochat olmo olmo2 phi phi3 qwen2 qwen3 smollm3 starcoder2 vaultgemma"
)
_LATER_NAMES = "afmoe apertus cohere2 gpt_oss hunyuan_v1_dense olmo3 qwen2_moe qwen3_moe"
_DECODERS = frozenset(_DECODER_NAMES.split())
_DECODERS_4 = _DECODERS | frozenset(_LATER_NAMES.split())

_TEXT = {"model": Session(("input_ids",), ("logits",), cache=True)}
_IMAGE_TEXT = {
    "embed_tokens": Session(("input_ids",), ("inputs_embeds",)),
    "vision_encoder": Session(("pixel_values", "pixel_attention_mask"), ("image_features",)),
    "decoder_model_merged": Session(("inputs_embeds",), ("logits",), cache=True),
}
_SESSIONS = {"smolvlm": _IMAGE_TEXT, "idefics3": _IMAGE_TEXT}

_TOKENIZER_NAMES = (
    "Albert Bart Bert Blenderbot BlenderbotSmall Bloom CLIP Camembert CodeGen CodeLlama Cohere ConvBert Deberta"
    " DebertaV2 DistilBert Electra Esm Falcon GPT2 GPTNeoX Gemma Grok1 Herbert Llama M2M100 MBart MBart50 MPNet Marian"
    " Mgpstr MobileBert Nllb Nougat PreTrained Qwen2 RoFormer Roberta Siglip SpeechT5 SqueezeBert T5 Vits Wav2Vec2CTC"
    " Whisper XLM XLMRoberta"
)
_TOKENIZERS = frozenset(_TOKENIZER_NAMES.split())


@dataclass(frozen=True)
class Release:
    """A range of releases that ask for the same. The limits are of the oldest ONNX Runtime in it."""

    runtime: str
    ir: int
    opset: int
    dtypes: Mapping[str, str]
    decoders: frozenset[str]
    rules: Rules


_SUPPLIED = frozenset({"input_ids", "inputs_embeds", "attention_mask", "position_ids", "use_cache_branch"})
_WITH_LAST = _SUPPLIED | {"num_logits_to_keep"}

RELEASE_3 = Release(
    "its ONNX Runtime 1.21", 10, 22, _DTYPES, _DECODERS,
    Rules(_SUPPLIED, cache_from_graph=False, float16_logits=False, jsep=True),
)  # fmt: skip
RELEASE_4_0 = Release(
    "its ONNX Runtime 1.24", 13, 25, _DTYPES_4, _DECODERS_4,
    Rules(_WITH_LAST, cache_from_graph=False, float16_logits=True, jsep=False),
)  # fmt: skip
RELEASE_4_2 = Release(
    "its ONNX Runtime 1.24", 13, 25, _DTYPES_4, _DECODERS_4,
    Rules(_WITH_LAST, cache_from_graph=True, float16_logits=True, jsep=False),
)  # fmt: skip


def check(snapshot: Snapshot, release: Release) -> Outcome | None:
    """One range of releases; None for a directory without ONNX files."""
    return _Check(snapshot, release).outcome() if snapshot.ending(".onnx") else None


check_3 = partial(check, release=RELEASE_3)
check_4_0 = partial(check, release=RELEASE_4_0)
check_4_2 = partial(check, release=RELEASE_4_2)


class _Check:
    def __init__(self, snapshot: Snapshot, release: Release):
        self.snapshot, self.release = snapshot, release
        self.config = snapshot.json("config.json")
        self.text_config = self.config.get("text_config") or self.config
        self.kind = self.config.get("model_type")
        self.known = self.kind in release.decoders or self.kind in _SESSIONS
        self.sessions = _SESSIONS.get(str(self.kind), _TEXT)
        self.files = {
            self._file(session, dtype): (session, dtype)
            for session in self.sessions
            for dtype in release.dtypes
            if snapshot.has(self._file(session, dtype))
        }

    def outcome(self) -> Outcome:
        common = [*self._check_names(), *self._check_config(), *self._check_tokenizer(), *self._check_settings()]
        if self.sessions is _IMAGE_TEXT:
            common += check_images(self.snapshot)
        own = [one for file in self.files for one in self._check_file(file)]
        broken = any(one.level == FAULT for one in common)
        files = {file: () if broken else _devices(file, own) for file in self.files}
        on = {device: {self.files[file][0] for file in files if device in files[file]} for device in DEVICES}
        return Outcome(files, common + own, loads=any(found == set(self.sessions) for found in on.values()))

    def _file(self, session: str, dtype: str) -> str:
        return f"onnx/{session}{self.release.dtypes[dtype]}.onnx"

    def _settings(self, device: str) -> dict[str, Any]:
        """transformers.js_config as it is for one device."""
        found = self.config.get("transformers.js_config")
        settings = found if isinstance(found, dict) else {}
        return settings | ((settings.get("device_config") or {}).get("cpu" if device == "node" else device) or {})

    def _check_names(self) -> Iterator[Finding]:
        there = self.snapshot.ending(".onnx")
        for session in self.sessions.keys() - {session for session, _ in self.files.values()}:
            near = next((one for one in there if PurePosixPath(one).name.startswith(session)), there[0])
            what = f"is not here in any dtype; {near} is not where or what this library looks for"
            yield Finding(FAULT, f"onnx/{session}.onnx", what, f"Put it into onnx/ as {session}<dtype>.onnx")
        for name in there if self.files else ():
            if name.startswith("onnx/") and name not in self.files:
                yield Finding(NOTE, name, "has no name that this library asks for")

    def _check_config(self) -> Iterator[Finding]:
        yield from self.snapshot.required_json("config.json")
        if not self.config:
            return
        where = "config.json:model_type"
        if not self.known and self.kind in _DECODERS_4:
            yield Finding(FAULT, where, f"is {self.kind!r}, which this release does not know", "Take a later one")
        elif not self.known:
            yield Finding(NOTE, where, f"is {self.kind!r}: inputs, outputs and cache are not checked")
        else:
            yield from self._check_sizes()

    def _check_sizes(self) -> Iterator[Finding]:
        sizes = Sizes.of(self.text_config)
        needed = {"num_hidden_layers": sizes.layers}
        if not self.release.rules.cache_from_graph:
            needed |= {"num_key_value_heads": sizes.heads, "head_dim": sizes.head_dim}
        for name, value in needed.items():
            if not isinstance(value, int):
                what = "is not here, and the empty cache is made from it"
                yield Finding(FAULT, place("config.json", name), what, "Add it")

    def _check_tokenizer(self) -> Iterator[Finding]:
        file = "tokenizer_config.json"
        yield from self.snapshot.required_json("tokenizer.json", file)
        config = self.snapshot.json(file)
        kind = config.get("tokenizer_class")
        if kind is not None and str(kind).removesuffix("Fast").removesuffix("Tokenizer") not in _TOKENIZERS:
            what = f"is {kind!r}, a class unknown to this library: it warns, and takes the base class"
            yield Finding(NOTE, place(file, "tokenizer_class"), what, "Write PreTrainedTokenizer or GPT2Tokenizer")
        template = self.snapshot.chat_template
        if config and "chat_template" not in config and template is not None:
            what = "holds the only chat template, and this library does not read it: apply_chat_template throws"
            yield Finding(WRONG, "chat_template.jinja", what, f"Copy it into {file} as chat_template")
        elif config and template is None:
            yield Finding(NOTE, place(file, "chat_template"), "is not here: a prompt is text, and no messages")
        if self.release.rules.jsep and template and re.search(r"{%-?\s*generation\b", template):
            what = "has {% generation %}, at which releases before 3.6 throw"
            yield Finding(NOTE, place(file, "chat_template"), what, "Leave the tag out")

    def _check_settings(self) -> Iterator[Finding]:
        yield from by_device(DEVICES, self._check_dtype)
        counts = self._settings("node").get("use_external_data_format")
        if self.release.rules.jsep and isinstance(counts, dict) and any(str(key).endswith(".onnx") for key in counts):
            what = "names files, which releases before 3.4 do not read"
            yield Finding(NOTE, _setting("use_external_data_format"), what, "Take 3.4 or later")

    def _check_dtype(self, device: str) -> Iterator[Finding]:
        """Which file is taken where the caller names no dtype: `dtype` is one, or one for each session."""
        dtype = self._settings(device).get("dtype")
        if isinstance(dtype, dict) and set(dtype) & {*DEVICES, "cpu"}:
            what = "is keyed by device, and read by the name of a graph: none of it has an effect"
            yield Finding(WRONG, _setting("dtype"), what, 'Write "device_config": {"webgpu": {"dtype": ...}, ...}')
        for session in self.sessions if self.files else ():
            named = dtype.get(session) if isinstance(dtype, dict) else dtype
            if named not in (None, "auto", *self.release.dtypes):
                yield Finding(WRONG, _setting("dtype"), f"names {named!r}, which is no dtype")
                continue
            taken = named if named in self.release.dtypes else "q8" if device == "wasm" else "fp32"
            if (file := self._file(session, str(taken))) not in self.files:
                what = f"leads to {file}, which is not here" + ("" if named else ", where a caller names none")
                yield Finding(WRONG if named else NOTE, _setting("dtype"), what, "Name one that is here")

    def _check_file(self, file: str) -> Iterator[Finding]:
        session, dtype = self.files[file]
        try:
            graph = self.snapshot.graph(file)
        except UnreadableFile as exc:
            yield exc.finding
            return
        release = self.release
        yield from check_versions(graph, release.runtime, ir=release.ir, opset=release.opset)
        yield from check_external(graph)
        yield from by_device(WEB, lambda device: self._check_parts(graph, session, device))
        yield from check_operators(graph, release.rules)
        if self.known:
            sizes = Sizes.of(self.text_config)
            kinds = {device: self._cache_kind(dtype, device) for device in DEVICES}
            yield from Decoder(graph, self.sessions[session], release.rules, sizes, dtype, kinds).check()

    def _cache_kind(self, dtype: str, device: str) -> str:
        told = self._settings(device).get("kv_cache_dtype")
        return str((told.get(dtype) if isinstance(told, dict) else told) or "float32")

    def _check_parts(self, graph: OnnxFile, session: str, device: str) -> Iterator[Finding]:
        """A browser loads the parts that the configuration counts, by names of its own; Node leaves it to the file."""
        own = PurePosixPath(graph.name).name
        counts = self._settings(device).get("use_external_data_format")
        counted = (counts.get(own, counts.get(session)) if isinstance(counts, dict) else counts) or 0
        parts = [f"{own}_data{f'_{number}' if number else ''}" for number in range(_count(counted))]
        setting = _setting("use_external_data_format").removeprefix("config.json:")
        for location in graph.locations:
            where = graph.first_in(location)
            if not re.fullmatch(rf"{re.escape(own)}_data(_[1-9]\d*)?", location):
                what = f"has its weights in {location!r}, and a browser is given {own}_data, {own}_data_1, ..."
                yield Finding(FAULT, where, what, "Rename the file, and its name in the graph", WEB)
            elif location not in parts:
                fix = f'Add "{own}": {len(graph.locations)} to it'
                yield Finding(
                    FAULT, where, f"has its weights in {location!r}, which {setting} does not count", fix, WEB
                )
        for part in parts:
            if not (graph.path.parent / part).is_file() and part not in graph.locations:
                yield Finding(FAULT, graph.name, f"has no {part}, which {setting} counts", "Correct the count", WEB)
        yield from _check_part_sizes(graph)


def _check_part_sizes(graph: OnnxFile) -> Iterator[Finding]:
    for path in [graph.path, *(graph.path.parent / location for location in graph.locations)]:
        if path.is_file() and (size := path.stat().st_size) > MAX_PART_BYTES:
            what = f"has a file of {size / 1e9:.1f} GB, {path.name}, more than a browser can load at once"
            yield Finding(FAULT, graph.name, what, "Split it into parts of at most 2 GB", WEB)


def _devices(file: str, findings: Iterable[Finding]) -> tuple[str, ...]:
    faults = [one for one in findings if one.level == FAULT]
    return tuple(device for device in DEVICES if not any(one.concerns(file, device) for one in faults))


def _setting(name: str) -> str:
    return place("config.json", f"transformers.js_config.{name}")


def _count(value: Any) -> int:
    return int(value) if isinstance(value, (bool, int)) else 0
