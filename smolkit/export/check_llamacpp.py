"""llama.cpp: every GGUF file of a directory, by its header and its list of tensors; the weights are not read.

Files of the `llama` architecture and what a SmolVLM sees with are checked in full, of others the format and the
tokenizer. What llama.cpp looks for
is known from its source and, where a rule is of a refusal, from the library of llama-cpp-python 0.3.36.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smolkit.data.images import AROUND, IMAGE
from smolkit.errors import ModelError
from smolkit.export.check_files import (
    FAULT,
    NOTE,
    WRONG,
    Finding,
    Outcome,
    Snapshot,
    UnreadableFile,
    is_lfs_pointer,
    lfs_pointer,
    place,
)
from smolkit.export.check_mmproj import check_projector
from smolkit.models.gguf_header import GgufHeader, Tensor, read_header
from smolkit.registry import require

DEVICES = ("cpu",)

_PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")
_MODELS = frozenset({"llama", "gpt2", "bert", "t5", "rwkv", "plamo2", "hybriddna", "none", "no_vocab"})
_PRE_NAMES = (
    "a.x-4.0 afmoe bailingmoe bailingmoe2 bloom chameleon chatglm-bpe codeshell command-r dbrx deepseek-coder"
    " deepseek-llm deepseek-r1-qwen deepseek-v3 default dots1 exaone exaone-moe exaone4 f2llmv2 falcon falcon-h1"
    " falcon3 gigachat glm4 glm5 gpt-2 gpt-4o gpt3-finnish granite-docling granite-embed-multi-311m"
    " granite-embed-multi-97m grok-2 hunyuan hunyuan-dense jais jais-2 jina-de jina-es jina-v1-en jina-v2-code"
    " jina-v2-de jina-v2-es jina-v5-nano joyai-llm kanana2 kimi-k2 kormo lfm2 llada-moe llama-bpe llama-v3 llama3"
    " llama4 mellum mellum2 megrez midm-2.0 minerva-7b minicpm5 minimax-m2 modern-bert mpt nemotron olmo phi-2 pixtral"
    " poro-chat qwen2 qwen35 refact roberta-bpe sarvam-moe seed-coder smaug-bpe smollm smollm3 solar-open"
    " stablelm2 starcoder superbpe tekken tiny_aya trillion ufakzeka viking youtu"
)
_PRE = frozenset(_PRE_NAMES.split())

_KEYS = (
    "context_length",
    "embedding_length",
    "block_count",
    "attention.head_count",
    "attention.layer_norm_rms_epsilon",
)
_ATTENTION = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm")
_MLP = ("ffn_gate", "ffn_up", "ffn_down")


@dataclass
class _Gguf:
    """The header and the tensors of one file, or of all parts of it."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    @property
    def architecture(self) -> str:
        return str(self.fields.get("general.architecture"))

    @property
    def tokens(self) -> int:
        """The size of the vocabulary."""
        found = self.fields.get("tokenizer.ggml.tokens")
        return len(found) if isinstance(found, list) else 0


def check(snapshot: Snapshot) -> Outcome | None:
    """None for a directory without GGUF files."""
    names = snapshot.ending(".gguf")
    if not names:
        return None
    findings, files, models = [], {}, []
    for first, parts in _groups(names).items():
        whole = _Gguf(first)
        found = list(_check_model(snapshot, whole, parts))
        findings += found
        files[first] = () if any(one.level == FAULT for one in found) else DEVICES
        models.append(whole)
    texts = [whole for whole in models if whole.architecture != _CLIP]
    findings += _check_pairs(texts, [whole for whole in models if whole.architecture == _CLIP])
    return Outcome(files, findings, loads=any(files[whole.name] for whole in texts))


_CLIP = "clip"


def _groups(names: list[str]) -> dict[str, list[str]]:
    """Files by the one that llama.cpp opens: itself, or the first of its parts, there or not."""
    groups: dict[str, list[str]] = {}
    for name in names:
        part = _PART.fullmatch(name)
        if part is None:
            groups[name] = [name]
            continue
        count = int(part[3])
        parts = [f"{part[1]}-{number:05d}-of-{count:05d}.gguf" for number in range(1, max(count, 1) + 1)]
        groups[parts[0]] = parts
    return groups


def _check_model(snapshot: Snapshot, whole: _Gguf, parts: list[str]) -> Iterator[Finding]:
    """Fill `whole` with what all parts of a file say, and check it."""
    first = whole.name
    missing = [part for part in parts if not snapshot.has(part)]
    if missing:
        yield Finding(FAULT, first, f"needs {missing[0]}, which is not here", "Copy every part into one directory")
        return
    for part in parts:
        try:
            one = _read(snapshot.path / part, part)
        except UnreadableFile as exc:
            yield Finding(FAULT, first, f"{part} {exc.finding.what}" if part != first else exc.finding.what)
            return
        whole.fields = whole.fields or one.fields
        whole.tensors |= one.tensors
    yield from _check_header(whole, len(parts))
    yield from _check_against_config(whole, snapshot)


def _read(path: Path, name: str) -> GgufHeader:
    require("gguf", extra="gguf", why="reading a GGUF file")
    if is_lfs_pointer(path):
        raise UnreadableFile(lfs_pointer(name))
    try:
        return read_header(path)
    except (OSError, ModelError) as exc:
        found = Finding(FAULT, name, "is not a readable GGUF file, perhaps cut short")
        raise UnreadableFile(found) from exc


def _check_header(file: _Gguf, parts: int) -> Iterator[Finding]:
    from gguf import MODEL_ARCH_NAMES

    count = file.fields.get("split.count", 1)
    if count not in (parts, 0):
        what = f"is one of {count} parts, and its name does not say so: the others are not found"
        yield Finding(FAULT, place(file.name, "split.count"), what, "Give every part its name back")
        return
    if file.architecture == _CLIP:
        yield from check_projector(file.name, file.fields, file.tensors)
        return
    if file.architecture not in MODEL_ARCH_NAMES.values():
        what = f"is {file.architecture!r}, which llama.cpp does not know"
        yield Finding(FAULT, place(file.name, "general.architecture"), what)
        return
    yield from _check_tokenizer(file)
    if file.architecture == "llama":
        yield from _check_keys(file)
        yield from _check_tensors(file)


def _check_tokenizer(file: _Gguf) -> Iterator[Finding]:
    def at(name: str) -> str:
        return place(file.name, f"tokenizer.{name}")

    model, pre = file.fields.get("tokenizer.ggml.model"), file.fields.get("tokenizer.ggml.pre")
    tokens = file.tokens
    if model not in _MODELS:
        what = "is not here" if model is None else f"is {model!r}, which llama.cpp does not know"
        yield Finding(FAULT, at("ggml.model"), what)
        return
    if model in ("none", "no_vocab"):
        return
    if not tokens:
        yield Finding(FAULT, at("ggml.tokens"), "is not here: there is no vocabulary")
    if model == "gpt2":
        if pre is None:
            what = "is not here: llama.cpp cuts text by a default, and answers worse"
            yield Finding(WRONG, at("ggml.pre"), what, "Write the name of the pre-tokenizer, smollm for SmolLM2")
        elif pre not in _PRE:
            yield Finding(FAULT, at("ggml.pre"), f"is {pre!r}, which llama.cpp is not known to know")
        if not file.fields.get("tokenizer.ggml.merges"):
            yield Finding(FAULT, at("ggml.merges"), "is not here: text cannot be cut into tokens")
    end = file.fields.get("tokenizer.ggml.eos_token_id")
    if end is None:
        yield Finding(WRONG, at("ggml.eos_token_id"), "is not here: llama.cpp guesses an end token")
    elif tokens and end >= tokens:
        yield Finding(WRONG, at("ggml.eos_token_id"), f"is {end}, and there are {tokens} tokens")
    if "tokenizer.chat_template" not in file.fields:
        yield Finding(NOTE, at("chat_template"), "is not here: llama.cpp takes the format of ChatML")


def _check_keys(file: _Gguf) -> Iterator[Finding]:
    for key in _KEYS:
        if f"llama.{key}" not in file.fields:
            yield Finding(FAULT, place(file.name, f"llama.{key}"), "is not here")
    if "llama.rope.freq_base" not in file.fields:
        yield Finding(NOTE, place(file.name, "llama.rope.freq_base"), "is not here: llama.cpp takes 10000")


def _check_tensors(file: _Gguf) -> Iterator[Finding]:
    """A head that is not there is the embedding; every other tensor is needed."""
    inner = _ATTENTION if file.fields.get("llama.expert_count") else _ATTENTION + _MLP
    layers = file.fields.get("llama.block_count") or 0
    names = ["token_embd", "output_norm", *(f"blk.{number}.{part}" for number in range(layers) for part in inner)]
    for name in names:
        if f"{name}.weight" not in file.tensors:
            yield Finding(FAULT, place(file.name, f"{name}.weight"), "is not here, and the model needs it")
    for name, tensor in file.tensors.items():
        if len(tensor.shape) == 1 and tensor.type != "F32":
            yield Finding(WRONG, place(file.name, name), f"is {tensor.type}, and a vector is to be F32")
    embedding = file.tensors.get("token_embd.weight")
    if file.tokens and embedding and len(embedding.shape) == 2 and embedding.shape[1] != file.tokens:
        what = f"has {embedding.shape[1]} rows, and the vocabulary {file.tokens} tokens"
        yield Finding(FAULT, place(file.name, "token_embd.weight"), what)


def _check_pairs(texts: list[_Gguf], projectors: list[_Gguf]) -> Iterator[Finding]:
    """Whether language models and what they see with lie together, and fit."""
    seeing = [text for text in texts if {IMAGE, AROUND} <= set(text.fields.get("tokenizer.ggml.tokens") or ())]
    for text in seeing if not projectors else ():
        what = "has tokens for images, and there is no mmproj file here: it reads text alone"
        yield Finding(NOTE, text.name, what, "Copy the mmproj file of this model into the directory")
    for projector in projectors:
        width = projector.fields.get("clip.vision.projection_dim")
        for text in seeing if width is not None else ():
            if text.fields.get(f"{text.architecture}.embedding_length") != width:
                what = f"makes features of {width} numbers, which do not fit {text.name}"
                yield Finding(WRONG, place(projector.name, "clip.vision.projection_dim"), what)


def _check_against_config(file: _Gguf, snapshot: Snapshot) -> Iterator[Finding]:
    if snapshot.json("config.json").get("tie_word_embeddings") and "output.weight" in file.tensors:
        what = "is here, and config.json ties it to the embedding: the matrix is stored twice"
        yield Finding(NOTE, place(file.name, "output.weight"), what)
