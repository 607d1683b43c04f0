"""What an ONNX export is made of: the graph to run, and what the files beside it say about the model.

Layouts: `DIR/model.onnx` (flat), `DIR/onnx/model*.onnx` (as transformers.js wants it), `DIR/PRECISION/model.onnx`,
and for a SmolVLM `DIR/onnx/decoder_model_merged*.onnx` with two more graphs beside each.
Nothing here needs ONNX Runtime; of weights only the hash is looked at.
"""

from __future__ import annotations

import glob
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smolkit.data.chat import ChatTemplate
from smolkit.data.images import ImageLayout
from smolkit.errors import ModelError, RuntimeUnavailable, nearest
from smolkit.manifest import NAMES, prove, read_optional
from smolkit.models import load_tokenizer

_PATTERNS = ("model.onnx", "onnx/*.onnx", "*/model.onnx", "*.onnx")
_SECOND_CHOICE = re.compile(r"f(p|loat)?16|wasm")
_FUSED = b"GroupQueryAttention"
DECODER = "decoder_model_merged"
"""What names the decoder of a SmolVLM, in the layout that transformers.js wants."""


@dataclass(frozen=True)
class VisionFiles:
    """The other graphs of a SmolVLM, and how images come into its prompts."""

    embeddings: Path
    tower: Path
    images: ImageLayout
    image_token: int

    @classmethod
    def beside(cls, decoder: Path, home: Path) -> VisionFiles:
        """The files of the decoder's precision; `home` holds the configuration. Raises ModelError for a missing one."""
        embeddings, tower = (sibling(decoder, name) for name in ("embed_tokens", "vision_encoder"))
        missing = next((file for file in (embeddings, tower) if not file.is_file()), None)
        if missing:
            raise ModelError(f"no {missing.name} beside this graph", where=str(decoder), fix="Export the model again")
        image_token = _json(home / "config.json").get("image_token_id")
        if image_token is None:
            raise ModelError("names no image_token_id", where=str(home / "config.json"), fix="Export the model again")
        return cls(embeddings, tower, ImageLayout.read(home), image_token)


def sibling(decoder: Path, name: str) -> Path:
    """The graph of a SmolVLM that lies beside its decoder, of the same precision."""
    return decoder.with_name(decoder.name.replace(DECODER, name))


@dataclass(frozen=True)
class OnnxFiles:
    """One graph, and what is known of its model before it is opened."""

    graph: Path
    """The .onnx file, or the directory that a graph in memory was made of."""
    tokenizer: Path
    context_length: int
    end_ids: frozenset[int]
    prompt_format: str | None
    fused: bool
    """Whether attention is one operator, which may write its keys and values in place."""
    vision: VisionFiles | None = None
    """None for a model that reads text alone."""

    @classmethod
    def find(cls, model: str | Path) -> OnnxFiles:
        """The files of an .onnx file or of an export directory (`onnx_file`), with the hashes that its manifest has.

        Raises ModelError, in one line, where a file is missing or cannot be read, ManifestErrors for changed ones.
        """
        graph = onnx_file(model)
        homes = [graph.parent, graph.parent.parent]
        tokenizer = next((home / "tokenizer.json" for home in homes if (home / "tokenizer.json").is_file()), None)
        if tokenizer is None:
            raise ModelError(
                "no tokenizer.json beside this graph, which constrained decoding needs",
                where=str(graph),
                fix="Copy it from the model that was exported",
            )
        vision = VisionFiles.beside(graph, tokenizer.parent) if DECODER in graph.name else None
        others = [*_files(vision.embeddings), *_files(vision.tower)] if vision else []
        prove(*_files(graph), *others, tokenizer)
        found = cls._of(graph, tokenizer, homes, fused=_FUSED in graph.read_bytes())
        return replace(found, vision=vision)

    @classmethod
    def beside(cls, directory: Path) -> OnnxFiles:
        """What a Hugging Face directory, whose hashes are proven, says of the graph that is made of its weights."""
        read_optional(directory)
        end = load_tokenizer(directory).eos_token_id  # torch's runtime stops at it too
        tokenizer = directory / "tokenizer.json"
        if not tokenizer.is_file():
            raise ModelError("no tokenizer.json here, which constrained decoding needs", where=str(directory))
        found = cls._of(directory, tokenizer, [directory], fused=True)
        return replace(found, end_ids=found.end_ids | ({end} - {None}))

    def chat_template(self) -> ChatTemplate | None:
        """The template beside the tokenizer, in a file of its own or in tokenizer_config.json."""
        home = self.tokenizer.parent
        config = _json(home / "tokenizer_config.json")
        text = config.get("chat_template")
        if isinstance(text, list):  # several, by name
            text = next((one.get("template") for one in text if one.get("name") == "default"), None)
        file = home / "chat_template.jinja"
        if file.is_file():
            text = file.read_text(encoding="utf-8")
        tokens = {name: _token(config.get(name)) for name in ("bos_token", "eos_token")}
        return ChatTemplate(text, tokens) if text else None

    @classmethod
    def _of(cls, graph: Path, tokenizer: Path, homes: list[Path], *, fused: bool) -> OnnxFiles:
        config = _config(tokenizer.parent)
        manifest = next((read_optional(at, verify=False) for at in homes if _has_manifest(at)), None)
        return cls(
            graph=graph,
            tokenizer=tokenizer,
            context_length=config["context"],
            end_ids=frozenset(config["ends"]),
            prompt_format=manifest.prompt_format if manifest else None,
            fused=fused,
        )


def is_export(model: str | Path) -> bool:
    """Whether a name is that of a graph, or of a directory that has some, or of one that has no weights either."""
    path = Path(model).expanduser()
    return path.is_file() or (path.is_dir() and (bool(onnx_files(path)) or not has_weights(path)))


def has_weights(directory: Path) -> bool:
    """Whether weights lie in a directory as transformers keeps them; pickled ones are `smolkit.models.trust`'s."""
    return any(True for pattern in ("*.safetensors", "*.bin") for _ in directory.glob(pattern))


def onnx_file(model: str | Path) -> Path:
    """The graph that a name means: an .onnx file, or the smallest of a directory whose activations are float32.

    A CPU computes in float32 anyway, so float16 is taken only where there is nothing else; so are graphs for
    WebAssembly, which unpack their weights when they are loaded.
    """
    path = Path(model).expanduser()
    if path.is_file():
        if path.suffix != ".onnx":
            raise RuntimeUnavailable(
                "not an ONNX file", where=str(model), fix="Name a file that ends in .onnx, or an export directory"
            )
        return path
    if not path.is_dir():
        near = nearest(path.name, [entry.name for entry in path.parent.iterdir()]) if path.parent.is_dir() else None
        raise ModelError(
            "neither an ONNX file nor a directory, which ONNX Runtime needs",
            where=str(model),
            fix=f"Did you mean {path.parent / near}?" if near else None,
        )
    files = onnx_files(path)
    if not files:
        raise ModelError(
            "no ONNX file here, which ONNX Runtime needs",
            where=str(model),
            fix=f"Write one: smolkit export {model} --target onnx --out {model}-onnx",
        )
    return min(files, key=lambda file: (bool(_SECOND_CHOICE.search(_precision(file))), _size(file)))


def onnx_files(directory: Path) -> list[Path]:
    """The graphs of an export directory, in the first layout that it has; of a SmolVLM those of its decoder."""
    found = next((files for pattern in _PATTERNS if (files := sorted(directory.glob(pattern)))), [])
    return [file for file in found if DECODER in file.name] or found


def _precision(file: Path) -> str:
    """Where its name is: DIR/q4f16/model.onnx, DIR/onnx/model_q4f16.onnx."""
    return file.parent.name if file.stem == "model" else file.stem


def _size(file: Path) -> int:
    """Bytes, weights included."""
    return sum(part.stat().st_size for part in _files(file))


def _files(graph: Path) -> list[Path]:
    """A graph and the weights beside it, named for it."""
    return sorted(graph.parent.glob(f"{glob.escape(graph.name)}*"))


def _has_manifest(directory: Path) -> bool:
    return any((directory / name).is_file() for name in NAMES)


def _config(home: Path) -> dict[str, Any]:
    """Context length and end tokens, by genai_config.json or else by transformers' files."""
    genai = _json(home / "genai_config.json").get("model", {})
    config, generation = _json(home / "config.json"), _json(home / "generation_config.json")
    text = config.get("text_config") or config
    context = genai.get("context_length") or text.get("max_position_embeddings")
    ends = [genai.get("eos_token_id"), generation.get("eos_token_id"), config.get("eos_token_id")]
    ids = next((one for one in ends if one is not None), None)
    if not context or ids is None:
        raise ModelError(
            "neither genai_config.json nor config.json says how long a text may be and which token ends it",
            where=str(home),
            fix="Copy them from the export",
        )
    return {"context": context, "ends": [ids] if isinstance(ids, int) else ids}


def _token(value: Any) -> str | None:
    """A token as tokenizer_config.json writes it: text, or an object that holds it."""
    return value.get("content") if isinstance(value, dict) else value


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes()) if file.is_file() else {}
    except ValueError as exc:
        raise ModelError(f"not valid JSON ({exc})", where=str(file), fix="Write or download it again") from exc
    if not isinstance(content, dict):
        raise ModelError("not a JSON object", where=str(file), fix="Write or download it again")
    return content
