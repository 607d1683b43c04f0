"""Which runtimes load a directory, and why another does not: `smolkit export check`, and the last line of the gate.

Any directory will do: one of ours, a snapshot of the Hub, the output of optimum-onnx, of onnxruntime-genai's model
builder or of transformers' exporter, GGUF files, a mixture, nothing. Files are read and nothing is run, so a verdict
is about layout and formats; that the numbers are right is the gate's business.

A consumer is one line in `CONSUMERS`: a function of a `Snapshot` that returns an `Outcome`, or None where the
directory holds nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smolkit import manifest
from smolkit.errors import ManifestError, ManyErrors, ModelError
from smolkit.export.check_files import FAULT, NOTE, WRONG, Finding, Snapshot, collapse, place, token_ids
from smolkit.registry import Registry

CONSUMERS = Registry(
    "consumer",
    {
        "transformers.js 3.x": "smolkit.export.check_transformersjs:check_3",
        "transformers.js <= 4.1": "smolkit.export.check_transformersjs:check_4_0",
        "transformers.js >= 4.2": "smolkit.export.check_transformersjs:check_4_2",
        "onnxruntime-genai": "smolkit.export.check_genai:check",
        "llama.cpp": "smolkit.export.check_llamacpp:check",
    },
)


@dataclass(frozen=True)
class Verdict:
    """What one consumer makes of the directory; `loads` is None where nothing there is for it."""

    name: str
    loads: bool | None
    findings: list[Finding] = field(default_factory=list)
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Its files with the devices that each loads on; an empty tuple where it loads on none."""

    @property
    def sound(self) -> bool:
        """It loads, on every device that it can, and nothing is known to go wrong in use."""
        return bool(self.loads) and not any(one.level in (FAULT, WRONG) for one in self.findings)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "loads": self.loads,
            "sound": self.sound,
            "files": {file: list(devices) for file, devices in self.files.items()},
            "findings": [one.as_dict() for one in self.findings],
        }


@dataclass(frozen=True)
class CheckReport:
    """The verdict of every consumer, and what holds whoever reads the directory."""

    directory: Path
    findings: list[Finding]
    verdicts: list[Verdict]

    @property
    def loads(self) -> bool:
        """Whether at least one consumer loads it."""
        return any(verdict.loads for verdict in self.verdicts)

    def verdict(self, name: str) -> Verdict:
        return next(one for one in self.verdicts if one.name == name)

    def as_dict(self) -> dict[str, Any]:
        return {
            "directory": str(self.directory),
            "loads": self.loads,
            "findings": [one.as_dict() for one in self.findings],
            "verdicts": [one.as_dict() for one in self.verdicts],
        }

    def __str__(self) -> str:
        lines = [f"  {one.level}  {one}" for one in self.findings]
        grouped: dict[str, list[str]] = {}
        for verdict in self.verdicts:
            grouped.setdefault(_body(verdict), []).append(verdict.name)
        for body, names in grouped.items():
            first, _, rest = names[0].partition(" ")
            title = ", ".join([names[0], *(name.removeprefix(f"{first} ") if rest else name for name in names[1:])])
            lines.append(f"{title}: {body}")
        return "\n".join(lines)


def check_directory(directory: Path) -> CheckReport:
    """Look at every file of `directory` for every consumer. Raises ModelError where there is no such directory."""
    if not directory.is_dir():
        what = "is a file, and a directory is to be checked" if directory.exists() else "no such directory"
        raise ModelError(what, where=str(directory))
    snapshot = Snapshot(directory)
    try:
        verdicts = [_verdict(name, snapshot) for name in CONSUMERS]
        return CheckReport(directory, collapse(_check_common(snapshot)), verdicts)
    except PermissionError as exc:
        fix = "Make its files readable: chmod -R a+rX"
        raise ModelError(f"cannot be read ({exc.strerror})", where=str(exc.filename or directory), fix=fix) from exc


def _verdict(name: str, snapshot: Snapshot) -> Verdict:
    outcome = CONSUMERS.load(name)(snapshot)
    if outcome is None:
        return Verdict(name, None)
    return Verdict(name, outcome.loads, collapse(outcome.findings), outcome.files)


def _check_common(snapshot: Snapshot) -> Iterator[Finding]:
    yield from _check_manifest(snapshot)
    if snapshot.json("config.json"):
        yield from _check_rotary(snapshot)
        yield from _check_config(snapshot)
    yield from _check_ends(snapshot)


def _check_manifest(snapshot: Snapshot) -> Iterator[Finding]:
    try:
        manifest.read_optional(snapshot.path)
    except ManifestError as exc:
        for problem in exc.problems if isinstance(exc, ManyErrors) else [exc]:
            where = str(problem.where or snapshot.path)
            what = str(problem).removeprefix(f"{where}: ").split(". ")[0].rstrip(".")
            where = where.removeprefix(f"{snapshot.path}/") if where != str(snapshot.path) else manifest.EXPORT_MANIFEST
            yield Finding(WRONG, where, what, "Export it again, or fetch it from where it was whole")


def _check_rotary(snapshot: Snapshot) -> Iterator[Finding]:
    """transformers 5 writes `rope_parameters` alone; a reader of the old field then falls back to 10000."""
    config = snapshot.json("config.json")
    config = config.get("text_config") or config
    parameters = config.get("rope_parameters")
    inner = parameters.get("rope_theta") if isinstance(parameters, dict) else None
    outer = config.get("rope_theta")
    where = place("config.json", "rope_theta")
    if inner is None or outer == inner:
        return
    if outer is not None:
        yield Finding(WRONG, where, f"is {outer}, and rope_parameters says {inner}", "Make them the same")
    elif inner != 10_000:
        what = f"is not here: readers older than rope_parameters take 10000, and the model has {inner}"
        yield Finding(NOTE, where, what, f'Add "rope_theta": {inner}')


def _check_config(snapshot: Snapshot) -> Iterator[Finding]:
    config = snapshot.json("config.json")
    config = config.get("text_config") or config
    hidden, heads = config.get("hidden_size"), config.get("num_attention_heads")
    if config.get("model_type") != "llama":
        return
    for name in ("num_key_value_heads", "head_dim", "tie_word_embeddings"):
        if name not in config:
            fix = f"Add it: {hidden // heads}" if name == "head_dim" and hidden and heads else "Add it"
            yield Finding(NOTE, place("config.json", name), "is not here, and readers differ in what they assume", fix)


def _check_ends(snapshot: Snapshot) -> Iterator[Finding]:
    """One truth about the end of an answer. Runtimes stop at what generation_config.json says, else config.json."""
    told = {
        "config.json:eos_token_id": token_ids(snapshot.json("config.json").get("eos_token_id")),
        "generation_config.json:eos_token_id": token_ids(snapshot.json("generation_config.json").get("eos_token_id")),
        "genai_config.json:model.eos_token_id": token_ids(_genai_model(snapshot).get("eos_token_id")),
    }
    told = {where: ids for where, ids in told.items() if ids}
    own = snapshot.tokenizer_eos
    every = set().union(*told.values()) if told else set()
    for where, ids in told.items():
        level = NOTE if where.startswith("config.json") and len(told) > 1 else WRONG
        if own is not None and own not in ids:
            what = f"is {sorted(ids)}, and the tokenizer's end token {own} is not among them"
            yield Finding(level, where, what, "Add it, or an answer does not end")
        elif every - ids and not (where.startswith("config.json") and len(told) > 1):
            yield Finding(WRONG, where, f"misses {sorted(every - ids)}, which another file names", "Make them the same")


def _genai_model(snapshot: Snapshot) -> dict[str, Any]:
    model = snapshot.json("genai_config.json").get("model")
    return model if isinstance(model, dict) else {}


def _body(verdict: Verdict) -> str:
    """What is printed after a consumer's name."""
    if verdict.loads is None:
        return "nothing here for it"
    lines = ["loads" if verdict.loads else "does not load"]
    for file, devices in verdict.files.items():
        lines.append(f"  {file}  {', '.join(devices) if devices else '-'}")
    return "\n".join([*lines, *(f"  {one.level}  {one}" for one in verdict.findings)])
