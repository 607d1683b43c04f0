"""onnxruntime-genai: genai_config.json against the graph that it describes, and the tokenizer files.

Every rule was tried with 0.18 on a changed genai_config.json, which takes a few sizes from the graph: where it goes on
with a wrong one, the finding says wrong, not fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from smolkit.export.check_files import FAULT, NOTE, WRONG, Finding, Outcome, Snapshot, UnreadableFile, place
from smolkit.export.check_onnx import OnnxFile, check_external, check_versions

CONFIG = "genai_config.json"
DEVICES = ("cpu",)

_TYPE_NAMES = (
    "chatglm decoder decoder-pipeline ernie4_5 gemma gemma2 gemma3_text gpt2 gptoss granite internlm2 lfm2 llama"
    " mistral nemotron olmo phi phi3 phimoe qwen2 qwen3 smollm3"
)
_TYPES = frozenset(_TYPE_NAMES.split())
_TOKENIZER_NAMES = "CodeGenTokenizer GPT2Tokenizer GemmaTokenizer LlamaTokenizer PreTrainedTokenizer Qwen2Tokenizer"
_TOKENIZERS = frozenset([*_TOKENIZER_NAMES.split(), "T5Tokenizer", "TokenizersBackend"])

_INPUTS = {
    "input_ids": "input_ids",
    "attention_mask": "attention_mask",
    "position_ids": "position_ids",
    "past_key_names": "past_key_values.%d.key",
    "past_value_names": "past_key_values.%d.value",
}
_OUTPUTS = {
    "logits": "logits",
    "present_key_names": "present.%d.key",
    "present_value_names": "present.%d.value",
}


def check(snapshot: Snapshot) -> Outcome | None:
    """Every folder with a genai_config.json is a model of its own; None where there is none."""
    folders = [PurePosixPath(name).parent for name in snapshot.names if PurePosixPath(name).name == CONFIG]
    if not folders:
        return None
    findings, files = [], {}
    for folder in folders:
        found = list(_Check(Snapshot(snapshot.path / folder)).check())
        findings += [replace(one, where=(folder / one.where).as_posix()) for one in found]
        files[(folder / CONFIG).as_posix()] = () if any(one.level == FAULT for one in found) else DEVICES
    return Outcome(files, findings, loads=any(files.values()))


class _Check:
    def __init__(self, snapshot: Snapshot):
        self.snapshot = snapshot
        self.config = snapshot.json(CONFIG)
        self.model = _object(self.config, "model")
        self.decoder = _object(self.model, "decoder")
        self.inputs = _INPUTS | _object(self.decoder, "inputs")
        self.outputs = _OUTPUTS | _object(self.decoder, "outputs")

    def check(self) -> Iterator[Finding]:
        yield from self.snapshot.required_json(CONFIG, "tokenizer.json", "tokenizer_config.json")
        if not self.config:
            return
        yield from self._check_model()
        yield from self._check_tokenizer()
        filename = self.decoder.get("filename")
        if not isinstance(filename, str) or not self.snapshot.has(filename):
            what = f"is {filename!r}, and there is no such file" if filename else "is not here"
            yield Finding(FAULT, _at("model.decoder.filename"), what, "Name the ONNX file of the decoder")
            return
        try:
            graph = self.snapshot.graph(PurePosixPath(filename).as_posix())
        except UnreadableFile as exc:
            yield exc.finding
            return
        yield from check_versions(graph, "ONNX Runtime 1.32", ir=14, opset=26)
        yield from check_external(graph)
        yield from self._check_names(graph)
        yield from self._check_sizes(graph)
        yield from self._check_buffer(graph)

    def _check_model(self) -> Iterator[Finding]:
        kind, context = self.model.get("type"), self.model.get("context_length")
        if kind not in _TYPES:
            what = f"is {kind!r}, which is not among the architectures known to load"
            yield Finding(FAULT, _at("model.type"), what, 'Write "llama" for a model of that layout')
        if not isinstance(context, int) or context < 1:
            yield Finding(FAULT, _at("model.context_length"), f"is {context!r}, and a positive number is needed")
        if self.model.get("eos_token_id") is None:
            yield Finding(WRONG, _at("model.eos_token_id"), "is not here: no answer ends", "Add the list of end tokens")

    def _check_tokenizer(self) -> Iterator[Finding]:
        kind = self.snapshot.json("tokenizer_config.json").get("tokenizer_class")
        if kind is not None and str(kind).removesuffix("Fast") not in _TOKENIZERS:
            what = f"is {kind!r}, which is not among the classes known to load"
            where = "tokenizer_config.json:tokenizer_class"
            yield Finding(NOTE, where, what, "Write GPT2Tokenizer for a byte-level tokenizer")
        if self.snapshot.json("tokenizer_config.json") and self.snapshot.chat_template is None:
            yield Finding(NOTE, "chat_template.jinja", "is not here: a prompt is text, and no messages")

    def _check_names(self, graph: OnnxFile) -> Iterator[Finding]:
        patterns = [_pattern(name) for name in self.inputs.values() if isinstance(name, str)]
        for name in graph.inputs:
            if not any(pattern.fullmatch(name) for pattern in patterns):
                fix = f"Name it in {CONFIG}, or give it a value in the graph (an initializer of the same name)"
                yield Finding(FAULT, place(graph.name, name), f"is an input that {CONFIG} does not name", fix)
        for field in ("input_ids", "past_key_names", "past_value_names"):
            if not _matches(str(self.inputs[field]), {**graph.inputs, **graph.optional}):
                what = f"is {self.inputs[field]!r}, which no input of {graph.name} is called"
                yield Finding(FAULT, _at(f"model.decoder.inputs.{field}"), what)
        for field in _OUTPUTS:
            if not _matches(str(self.outputs[field]), graph.outputs):
                what = f"is {self.outputs[field]!r}, which no output of {graph.name} is called"
                yield Finding(FAULT, _at(f"model.decoder.outputs.{field}"), what)

    def _check_sizes(self, graph: OnnxFile) -> Iterator[Finding]:
        keys = _matches(str(self.inputs["past_key_names"]), graph.inputs)
        yield from self._compare("num_hidden_layers", len(keys), WRONG)
        dims = graph.inputs[keys[0]].dims if keys else None
        if dims and len(dims) == 4:
            yield from self._compare("num_key_value_heads", dims[1], WRONG)
            yield from self._compare("head_size", dims[3], FAULT)
        for operator in graph.find("GroupQueryAttention"):
            yield from self._compare("num_attention_heads", operator.attributes.get("num_heads"), WRONG)
        logits = graph.outputs.get(str(self.outputs["logits"]))
        if logits is None or logits.dims is None:
            return
        where = place(graph.name, str(self.outputs["logits"]))
        if len(logits.dims) != 3:
            what = f"has {len(logits.dims)} axes, and [batch, tokens, vocabulary] is expected"
            yield Finding(FAULT, where, what)
            return
        tokens, vocab = logits.dims[1:]
        if isinstance(tokens, int) and tokens != 1:
            yield Finding(FAULT, where, f"is for {tokens} tokens, and all or the last one are expected")
        told = self.model.get("vocab_size")
        if isinstance(vocab, int) and told != vocab:
            fix = f"Write {vocab}"
            yield Finding(FAULT, _at("model.vocab_size"), f"is {told}, and {graph.name} has {vocab} logits", fix)

    def _compare(self, field: str, found: Any, level: str) -> Iterator[Finding]:
        told = self.decoder.get(field)
        if isinstance(found, int) and found and told != found:
            yield Finding(
                level, _at(f"model.decoder.{field}"), f"is {told}, and the graph has {found}", f"Write {found}"
            )

    def _check_buffer(self, graph: OnnxFile) -> Iterator[Finding]:
        shared = _object(self.config, "search").get("past_present_share_buffer")
        if shared and not graph.find("GroupQueryAttention"):
            what = "is true, and only GroupQueryAttention writes into the past"
            yield Finding(FAULT, _at("search.past_present_share_buffer"), what, "Write false")


def _object(holder: dict[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _at(field: str) -> str:
    return place(CONFIG, field)


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(name).replace("%d", r"\d+"))


def _matches(name: str, values: dict[str, Any]) -> list[str]:
    return [value for value in values if _pattern(name).fullmatch(value)]
