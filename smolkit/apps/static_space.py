"""A static Space of an app: the app's own page over the model of a WebGPU export, for a browser and no server.

The export brings the weights, the libraries and what the page must know of them; this version of the package brings the
page's modules, among them those in `apps/NAME/page`. This module knows no page: an app has `schema.json`,
`examples.json`, a README.md with a Space's header, and `page/` with an `index.html`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from smolkit.apps.spaces import refuse_checkout
from smolkit.assets import asset
from smolkit.errors import SmolkitError
from smolkit.export.page import (
    SETTINGS,
    copy_modules,
    front_matter,
    leaf_types,
    proven_libraries,
    space_header,
    write_settings,
)
from smolkit.manifest import Manifest, Source, check_destination, read, staged, write

_OF_THE_PAGE = ("index.html", "page/", SETTINGS, "README.md")
"""What an export has of its own page."""
_OF_THE_APP = ("title", "emoji", "colorFrom", "colorTo", "short_description", "license")
"""Front matter that a Space of either kind has."""


def write_static_space(app: str, export: Path, destination: Path) -> None:
    """Write the Space. Raises SmolkitError for what is no WebGPU export with a page, or one that was changed."""
    refuse_checkout(destination)
    if not (export / SETTINGS).is_file():
        raise _not_an_export(export)
    check_destination(destination, inputs=[export])
    manifest = read(export)
    settings = json.loads((export / SETTINGS).read_bytes())
    _check_export(export, manifest, settings)
    with staged(destination) as aside:
        for name in manifest.files:
            if not name.startswith(_OF_THE_PAGE):
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(export / name, aside / name)
        header = _write_readme(app, export, aside)
        _write_page(app, settings, header["title"], aside)
        write(aside, _manifest(app, manifest, Source.of("export", export)))


def _manifest(app: str, export: Manifest, source: Source) -> Manifest:
    """What a Space says of itself: the app, and the export with what that was measured at."""
    return Manifest(
        kind="space",
        prompt_format=export.prompt_format,
        sources=(source, *export.sources),
        scores=export.scores,
        details={"app": app, "export": export.details},
    )


def _check_export(export: Path, manifest: Manifest, settings: dict[str, Any]) -> None:
    if manifest.kind != "webgpu":
        raise _not_an_export(export)
    hashes = {name: library["integrity"] for name, library in settings["libraries"].items()}
    if hashes != {name: library["integrity"] for name, library in proven_libraries().items()}:
        raise SmolkitError(
            "was written for other versions of transformers.js or ONNX Runtime than this page",
            where=str(export),
            fix="Export the model again",
        )


def _not_an_export(given: Path) -> SmolkitError:
    return SmolkitError(
        "is no WebGPU export with a page",
        where=str(given),
        fix="Make one with: smolkit export MODEL --target webgpu --page --out DIR",
    )


def _write_page(app: str, settings: dict[str, Any], title: str, space: Path) -> None:
    """index.html, the modules, and their settings; the app's page stands in the place of the export's."""
    folder = asset("apps", app)
    copy_modules(space)
    shutil.copytree(folder / "page", space / "page", dirs_exist_ok=True)
    (space / "page" / "index.html").rename(space / "index.html")
    schema = (folder / "schema.json").read_text(encoding="utf-8").strip()
    examples = json.loads((folder / "examples.json").read_bytes())
    own = {"title": title, "leaf_types": leaf_types(), "schema": schema, "examples": examples}
    write_settings(space, {**settings, **own})


def _write_readme(app: str, export: Path, space: Path) -> dict[str, Any]:
    """README.md: the app's header as that of a static Space, a sentence, and the card of the export. The header."""
    own, _ = _read_readme(asset("apps", app, "README.md"))
    card, body = _read_readme(export / "README.md")
    shared = {key: own[key] for key in _OF_THE_APP if key in own}
    of_the_model: dict[str, Any] = {key: card[key] for key in ("license", "tags") if key in card}
    header = {**shared, **space_header(own["title"]), **of_the_model}
    text = f"# {own['title']}\n\nThe model below runs in the visitor's browser: no text leaves the device.\n\n"
    (space / "README.md").write_text(f"{front_matter(header)}\n{text}{body.strip()}\n", encoding="utf-8")
    return header


def _read_readme(file: Path) -> tuple[dict[str, Any], str]:
    import yaml

    _, header, body = file.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(header), body
