"""A directory as the checks read it, and what they say of it: findings, a line each.

Everything is read once and nothing is loaded: JSON files, the graphs of ONNX files without their weights. A file that
cannot be read is a finding like any other, so that one broken file does not hide what is wrong with the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolkit.errors import locate

if TYPE_CHECKING:
    from smolkit.export.check_onnx import OnnxFile

FAULT, WRONG, NOTE = "fault", "wrong", "note"
"""A fault keeps a file from loading; what is wrong loads, and goes wrong in use; a note may not matter."""

_LFS = b"version https://git-lfs"


@dataclass(frozen=True)
class Finding:
    """One line: what is the matter, where (`file:field` or `file:tensor`), what to do."""

    level: str
    where: str
    what: str
    fix: str = ""
    devices: tuple[str, ...] = ()
    """The devices that it concerns, where the consumer runs on several; none for all."""

    @property
    def file(self) -> str:
        return self.where.partition(":")[0]

    def concerns(self, file: str, device: str) -> bool:
        return self.file == file and (not self.devices or device in self.devices)

    def as_dict(self) -> dict[str, Any]:
        shown = {"level": self.level, "where": self.where, "what": self.what, "fix": self.fix}
        return shown | ({"devices": list(self.devices)} if self.devices else {})

    def __str__(self) -> str:
        on = f" (on {', '.join(self.devices)})" if self.devices else ""
        return f"{self.where}: {self.what}{on}." + (f" {self.fix}." if self.fix else "")


@dataclass(frozen=True)
class Outcome:
    """What one consumer makes of a directory: `files` with the devices that each of them loads on."""

    files: Mapping[str, tuple[str, ...]]
    findings: list[Finding]
    loads: bool


class UnreadableFile(Exception):
    """A file that cannot be read at all; carries the finding."""

    def __init__(self, finding: Finding):
        self.finding = finding
        super().__init__(str(finding))


@dataclass
class Snapshot:
    """A directory, read as far as the checks ask."""

    path: Path
    _json: dict[str, Any] = field(default_factory=dict)
    _graphs: dict[str, OnnxFile | Finding] = field(default_factory=dict)

    @cached_property
    def names(self) -> list[str]:
        """Paths of all files, relative to the directory."""
        return sorted(path.relative_to(self.path).as_posix() for path in self.path.rglob("*") if path.is_file())

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def ending(self, suffix: str) -> list[str]:
        return [name for name in self.names if name.endswith(suffix)]

    def json(self, name: str) -> dict[str, Any]:
        """The object in a JSON file; empty where there is none, or where `json_fault` says why."""
        value = self._read_json(name)
        return value if isinstance(value, dict) else {}

    def json_fault(self, name: str) -> Finding | None:
        value = self._read_json(name)
        return value if isinstance(value, Finding) else None

    def required_json(self, *names: str) -> Iterator[Finding]:
        """A fault for each of these files that is not there or cannot be read."""
        for name in names:
            if not self.has(name):
                yield Finding(FAULT, name, "is not here", "Copy it from the source model")
            elif found := self.json_fault(name):
                yield found

    def graph(self, name: str) -> OnnxFile:
        """The graph of an ONNX file. Raises UnreadableFile."""
        from smolkit.export.check_onnx import read_onnx

        if name not in self._graphs:
            try:
                self._graphs[name] = read_onnx(self.path / name, name)
            except UnreadableFile as exc:
                self._graphs[name] = exc.finding
        found = self._graphs[name]
        if isinstance(found, Finding):
            raise UnreadableFile(found)
        return found

    @cached_property
    def chat_template(self) -> str | None:
        """The template that transformers would use, from whichever file has it."""
        inline = self.json("tokenizer_config.json").get("chat_template")
        if isinstance(inline, list):
            inline = next((one.get("template") for one in inline if one.get("name") == "default"), None)
        file = self.path / "chat_template.jinja"
        if inline is None and file.is_file():
            return file.read_text(encoding="utf-8", errors="replace")
        return inline

    @cached_property
    def tokenizer_eos(self) -> int | None:
        """The id of the tokenizer's end token, where the files say it."""
        token = self.json("tokenizer_config.json").get("eos_token")
        text = token.get("content") if isinstance(token, dict) else token
        tokenizer = self.json("tokenizer.json")
        added = {one.get("content"): one.get("id") for one in tokenizer.get("added_tokens") or []}
        vocabulary = (tokenizer.get("model") or {}).get("vocab")
        known = (vocabulary if isinstance(vocabulary, dict) else {}) | added
        return known.get(text)

    def _read_json(self, name: str) -> Any:
        if name not in self._json:
            self._json[name] = _parse(self.path / name, name) if self.has(name) else None
        return self._json[name]


def _parse(path: Path, name: str) -> dict[str, Any] | Finding:
    try:
        content = path.read_bytes()
        if content.startswith(_LFS):
            return lfs_pointer(name)
        value = json.loads(content)
    except (OSError, ValueError, RecursionError) as exc:
        return Finding(FAULT, name, f"is not valid JSON ({_first_line(exc)})", "Take it from the source again")
    if not isinstance(value, dict):
        return Finding(FAULT, name, f"holds a {type(value).__name__}, and an object is expected")
    return value


def lfs_pointer(name: str) -> Finding:
    return Finding(FAULT, name, "is a pointer of Git LFS, not the file", "Run: git lfs pull")


def is_lfs_pointer(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_LFS)) == _LFS


def token_ids(value: Any) -> set[int]:
    """End tokens as configurations write them: one id, a list, or nothing."""
    values = value if isinstance(value, list) else [value]
    return {one for one in values if isinstance(one, int) and not isinstance(one, bool)}


def collapse(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with those that differ by the tensor alone said once, and faults first."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for one in findings:
        groups.setdefault((one.level, one.file, one.what, one.fix, one.devices), []).append(one)
    merged = [_with_count(group) for group in groups.values()]
    return sorted(merged, key=lambda one: (FAULT, WRONG, NOTE).index(one.level))


def _with_count(group: Sequence[Finding]) -> Finding:
    others = len({one.where for one in group}) - 1
    return replace(group[0], what=f"{group[0].what}, and {others} more like it") if others else group[0]


def by_device(devices: Sequence[str], find: Callable[[str], Iterable[Finding]]) -> Iterator[Finding]:
    """What `find` says of each device, the same finding once with all its devices."""
    found: dict[Finding, list[str]] = {}
    for device in devices:
        for one in find(device):
            found.setdefault(one, []).append(device)
    for one, concerned in found.items():
        yield one if len(concerned) == len(devices) else replace(one, devices=tuple(concerned))


def place(file: str, name: str) -> str:
    return locate(file, field=name)


def _first_line(exc: BaseException) -> str:
    return str(exc).strip().partition("\n")[0] or type(exc).__name__
