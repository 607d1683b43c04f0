"""The JSON files beside an ONNX graph: what transformers.js and onnxruntime-genai read besides the weights.

Each reader falls back to a default where a field is missing, and is silently wrong then: every field is written, and
all files agree on which tokens end an answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smolkit.export.graph import Shape
from smolkit.export.source import Source

_GPT2_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""How GPT-2's tokenizer cuts text into words; the byte-level step of tokenizer.json has it built in."""


def write_config(source: Source, directory: Path, **extra: Any) -> None:
    """config.json and generation_config.json, with what older readers look for at the top level."""
    config = _complete(source.config)
    if source.vision:
        whole, tied = _public(source.vision.model.config), config["tie_word_embeddings"]
        config = {**whole, "text_config": config, "tie_word_embeddings": tied}
    _write(directory / "config.json", config | _special_ids(source) | extra)
    generation = {**_special_ids(source), "do_sample": False, "max_length": Shape.of(source.config).context}
    _write(directory / "generation_config.json", generation)


def _complete(config: Any) -> dict[str, Any]:
    """The configuration of a text model, with what its readers would have to work out."""
    shape = Shape.of(config)
    written = _public(config)
    return {
        **written,
        "rope_theta": (written.get("rope_parameters") or {}).get("rope_theta"),
        "head_dim": shape.head_dim,
        "num_key_value_heads": shape.kv_heads,
        "tie_word_embeddings": bool(config.tie_word_embeddings),
    }


def _public(config: Any) -> dict[str, Any]:
    private = ("_name_or_path", "_pad_token_id")
    return {name: value for name, value in config.to_dict().items() if name not in private}


def write_tokenizer(source: Source, directory: Path, *, inline_template: bool, spelled_out: bool = False) -> None:
    """tokenizer.json and tokenizer_config.json; the chat template in the latter or as chat_template.jinja.

    With `spelled_out` the pre-tokenizer's steps are written as the expressions that they stand for: the tokens are the
    same, and onnxruntime-genai, which cuts white space before digits wrongly otherwise, gets them right.
    """
    tokenizer = json.loads(source.tokenizer.backend_tokenizer.to_str())
    byte_level = tokenizer["model"]["type"] == "BPE" and "ByteLevel" in json.dumps(tokenizer["pre_tokenizer"])
    if spelled_out:
        tokenizer["pre_tokenizer"] = spell_out(tokenizer["pre_tokenizer"])
    tokenizer["truncation"] = tokenizer["padding"] = None
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    names = ("bos_token", "eos_token", "unk_token", "pad_token")
    special = {name: value for name in names if (value := getattr(source.tokenizer, name)) is not None}
    config: dict[str, Any] = {
        "tokenizer_class": "GPT2Tokenizer" if byte_level else "PreTrainedTokenizer",
        "add_bos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": source.config.max_position_embeddings,
        **special,
    }
    if source.chat_template and inline_template:
        config["chat_template"] = source.chat_template
    elif source.chat_template:
        (directory / "chat_template.jinja").write_text(source.chat_template, encoding="utf-8")
    _write(directory / "tokenizer_config.json", config)


def spell_out(pre_tokenizer: Mapping[str, Any] | None) -> Any:
    """Digits and byte-level steps as splits by expressions; anything else stays as it is."""
    if not pre_tokenizer:
        return pre_tokenizer
    steps = pre_tokenizer["pretokenizers"] if pre_tokenizer["type"] == "Sequence" else [pre_tokenizer]
    kinds = [step["type"] for step in steps]
    if kinds not in (["Digits", "ByteLevel"], ["ByteLevel"]) or not steps[-1].get("use_regex", True):
        return pre_tokenizer
    if kinds[0] == "Digits" and not steps[0]["individual_digits"]:
        return pre_tokenizer
    expressions = [r"\p{N}"] * (kinds[0] == "Digits") + [_GPT2_WORDS]
    splits = [
        {"type": "Split", "pattern": {"Regex": one}, "behavior": "Isolated", "invert": False} for one in expressions
    ]
    return {"type": "Sequence", "pretokenizers": [*splits, {**steps[-1], "use_regex": False}]}


def write_genai_config(source: Source, directory: Path, *, inputs: Sequence[str], shared_cache: bool) -> None:
    """genai_config.json. `shared_cache`: past and present may lie in one buffer, as fused attention allows."""
    shape = Shape.of(source.config)
    names = {name: name for name in ("input_ids", "attention_mask", "position_ids") if name in inputs}
    pad = source.tokenizer.pad_token_id
    ends = sorted(source.end_ids)
    _write(
        directory / "genai_config.json",
        {
            "model": {
                "type": source.config.model_type,
                "bos_token_id": source.tokenizer.bos_token_id if source.tokenizer.bos_token_id is not None else ends[0],
                "eos_token_id": ends,
                "pad_token_id": pad if pad is not None else ends[0],
                "context_length": shape.context,
                "vocab_size": shape.vocab,
                "decoder": {
                    "session_options": {"log_id": "onnxruntime-genai", "provider_options": []},
                    "filename": "model.onnx",
                    "head_size": shape.head_dim,
                    "hidden_size": shape.hidden,
                    "num_attention_heads": shape.heads,
                    "num_hidden_layers": shape.layers,
                    "num_key_value_heads": shape.kv_heads,
                    "inputs": {
                        **names,
                        "past_key_names": "past_key_values.%d.key",
                        "past_value_names": "past_key_values.%d.value",
                    },
                    "outputs": {
                        "logits": "logits",
                        "present_key_names": "present.%d.key",
                        "present_value_names": "present.%d.value",
                    },
                },
            },
            "search": {
                "do_sample": False,
                "early_stopping": True,
                "max_length": shape.context,
                "min_length": 0,
                "num_beams": 1,
                "num_return_sequences": 1,
                "past_present_share_buffer": shared_cache,
                "repetition_penalty": 1.0,
                "temperature": 1.0,
                "top_k": 1,
                "top_p": 1.0,
            },
        },
    )


def _special_ids(source: Source) -> dict[str, Any]:
    return {
        "bos_token_id": source.tokenizer.bos_token_id,
        "eos_token_id": sorted(source.end_ids),
        "pad_token_id": source.tokenizer.pad_token_id,
    }


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
