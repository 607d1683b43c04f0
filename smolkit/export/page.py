"""The page beside a WebGPU export: index.html, its modules, transformers.js, and what they need to know.

The page has no knowledge of its own about prompts or leaf types: `smolkit_page.json` carries the pieces of the prompt
format, the table of types, the self-test and the limits. transformers.js and ONNX Runtime come from npm at the
versions of `export/webgpu/package.json`, each file proven against the hash in `libraries.json`; without npm the page
fetches the same files from a CDN and compares the same hashes. This module knows no model and no weights.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from smolkit.assets import asset
from smolkit.errors import SmolkitError
from smolkit.extraction.leaf_types import LEAF_TYPES
from smolkit.extraction.prompt import get_format
from smolkit.manifest import sha256_directory, sha256_file
from smolkit.models.resolve import cache_dir

SETTINGS = "smolkit_page.json"
CDN = "https://cdn.jsdelivr.net/npm"
MAX_NEW_TOKENS = 512
MAX_PROMPT_TOKENS = 3072
"""What the page reads at once: about the window of `smolkit.runtime` with a long template."""
SELFTEST_TOKENS = 40
"""Least length of the self-test's prompt: drivers that go wrong do so beyond 32 tokens."""

LibrarySource = Literal["vendor", "cdn"]
_NPM_SECONDS = 600


def write_page(
    directory: Path,
    *,
    title: str,
    prompt_format: str,
    selftest: Mapping[str, Sequence[int]],
    allowed: Mapping[str, Sequence[str]],
    unpacked: Mapping[str, Sequence[str]] | None = None,
    libraries: LibrarySource | None = None,
) -> list[Path]:
    """Write the page into a directory that holds the exported model, and return the files.

    `selftest` has `prompt_ids`, at least 40 tokens, and `tokens`, the greedy ones that follow on the CPU; they should
    win by a margin in every precision. `allowed` names the precisions of each device, the best first, as
    {"webgpu": ["q4f16", "q4"], "wasm": ["q4"]}; `unpacked` those that have a graph for WebAssembly (`wasm_graph`), with
    the files of its weights. `libraries` says where the JavaScript comes from: "vendor" copies it from npm, "cdn"
    refers to it, None is `library_source`'s choice. A README.md is written where there is none.

    Raises SmolkitError where npm fails or gives another file than the page was proven with.
    """
    assert len(selftest["prompt_ids"]) >= SELFTEST_TOKENS
    source = libraries or library_source()
    settings = {
        "title": title,
        "version": sha256_directory(directory)[:16],
        "format": _format_pieces(prompt_format),
        "leaf_types": leaf_types(),
        "examples": _examples(),
        "selftest": {key: [int(token) for token in selftest[key]] for key in ("prompt_ids", "tokens")},
        "allowed": {device: list(precisions) for device, precisions in allowed.items()},
        "unpacked": {name: list(parts) for name, parts in (unpacked or {}).items()},
        "limits": {
            "context": _context(directory),
            "prompt_tokens": MAX_PROMPT_TOKENS,
            "new_tokens": MAX_NEW_TOKENS,
        },
        "libraries": _vendored(directory / "vendor") if source == "vendor" else _referenced(),
    }
    shutil.copy(asset("export", "webgpu", "index.html"), directory)
    copy_modules(directory)
    write_settings(directory, settings)
    if not (directory / "README.md").exists():
        (directory / "README.md").write_text(front_matter(space_header(title)) + f"\n# {title}\n", encoding="utf-8")
    graphs = (directory / "onnx").glob("model_wasm*.onnx")
    written = [directory / "index.html", *graphs, directory / SETTINGS, *(directory / "page").iterdir()]
    return sorted([*written, *(directory / "vendor").glob("*")])


def copy_modules(directory: Path) -> None:
    """The page's modules and its style, into `directory`/page."""
    shutil.copytree(asset("export", "webgpu", "page"), directory / "page", dirs_exist_ok=True)


def write_settings(directory: Path, settings: Mapping[str, Any]) -> None:
    """What the page reads first."""
    content = json.dumps(settings, ensure_ascii=False, indent=1)
    (directory / SETTINGS).write_text(content + "\n", encoding="utf-8")


def leaf_types() -> dict[str, dict[str, Any]]:
    """The table of types, as the page needs it."""
    names = ("kind", "regex", "description", "example", "json_format")
    return {name: {key: getattr(spec, key) for key in names} for name, spec in LEAF_TYPES.items()}


def space_header(title: str) -> dict[str, Any]:
    """The front matter of a static Space, with the headers that WebAssembly threads need."""
    return {
        "title": title,
        "sdk": "static",
        "app_file": "index.html",
        "custom_headers": {
            "cross-origin-embedder-policy": "require-corp",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "cross-origin",
        },
    }


def front_matter(header: Mapping[str, Any]) -> str:
    """A header as the YAML block that opens a README.md."""
    import yaml

    return f"---\n{yaml.safe_dump(dict(header), sort_keys=False, allow_unicode=True)}---\n"


def library_source(progress: Callable[[str], None] = lambda line: None) -> LibrarySource:
    """Copies from npm where npm is there and can fetch them, else a CDN; to be asked before a long export."""
    if shutil.which("npm") is None:
        return "cdn"
    try:
        node_modules()
    except SmolkitError as exc:
        progress(f"{exc} The page will load its libraries from a CDN")
        return "cdn"
    return "vendor"


def node_modules() -> Path:
    """The page's dependencies as npm installed them: once per `package.json`, in the cache.

    No script of a package runs, so nothing is fetched besides the packages. Raises SmolkitError without npm or where
    npm fails.
    """
    wanted = asset("export", "webgpu", "package.json")
    target = cache_dir() / "npm" / sha256_file(wanted)[:12]
    if not target.is_dir():
        aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        aside.mkdir(parents=True)
        try:
            shutil.copy(wanted, aside)
            _npm_install(aside)
            if not target.is_dir():  # else another process was faster
                aside.rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return target / "node_modules"


def _npm_install(directory: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SmolkitError("npm is not installed, and brings transformers.js", fix="Install Node.js 20 or newer")
    command = [npm, "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    environment = {**os.environ, "ONNXRUNTIME_NODE_INSTALL": "skip"}
    try:
        subprocess.run(
            command, cwd=directory, env=environment, check=True, capture_output=True, text=True, timeout=_NPM_SECONDS
        )
    except subprocess.TimeoutExpired as exc:
        raise SmolkitError(f"npm did not end within {_NPM_SECONDS} s", fix="Try again") from exc
    except subprocess.CalledProcessError as exc:
        lines = [line.removeprefix("npm error ") for line in exc.stderr.splitlines() if line.strip()]
        reason = lines[1] if len(lines) > 1 else "".join(lines) or f"exit code {exc.returncode}"
        raise SmolkitError(
            f"npm could not install the page's libraries ({reason})",
            fix="Check the connection and try again",
        ) from exc


def proven_libraries() -> dict[str, dict[str, str]]:
    """What the page loads, by name: package, file, and the hash that it must have."""
    content: dict[str, dict[str, str]] = json.loads(asset("export", "webgpu", "libraries.json").read_bytes())
    return content


def _vendored(vendor: Path) -> dict[str, dict[str, str]]:
    """The libraries, copied into `vendor` with the licence of transformers.js, which holds the others' notices."""
    modules = node_modules()
    vendor.mkdir(exist_ok=True)
    found = {}
    for name, library in proven_libraries().items():
        file = modules / library["package"] / library["file"]
        if not file.is_file() or integrity(file) != library["integrity"]:
            raise SmolkitError(
                f"{library['package']} has not the {library['file']} that this page was proven with",
                fix=f"Remove {modules.parent} and try again",
            )
        shutil.copy(file, vendor)
        found[name] = {"url": f"vendor/{file.name}", "integrity": library["integrity"]}
    for package in {library["package"] for library in proven_libraries().values()}:
        if (licence := modules / package / "LICENSE").is_file():
            shutil.copy(licence, vendor / f"LICENSE-{package.rpartition('/')[2]}")
    return found


def _referenced() -> dict[str, dict[str, str]]:
    versions = json.loads(asset("export", "webgpu", "package.json").read_bytes())["dependencies"]
    return {
        name: {
            "url": f"{CDN}/{library['package']}@{versions[library['package']]}/{library['file']}",
            "integrity": library["integrity"],
        }
        for name, library in proven_libraries().items()
    }


def integrity(file: Path) -> str:
    """A file's SHA-384 as browsers write it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(file.read_bytes()).digest()).decode()


def _format_pieces(format_id: str) -> dict[str, Any]:
    layout = dataclasses.asdict(get_format(format_id))
    return {
        key: layout[key] for key in ("id", "opening", "template", "text_heading", "closing", "missing", "json_style")
    }


def _examples() -> list[dict[str, Any]]:
    """Those of the extraction app, their templates as text."""
    presets = json.loads(asset("apps", "extraction", "examples.json").read_bytes())
    return [{**preset, "template": json.dumps(preset["template"], ensure_ascii=False, indent=2)} for preset in presets]


def _context(directory: Path) -> int:
    return int(json.loads((directory / "config.json").read_bytes())["max_position_embeddings"])
