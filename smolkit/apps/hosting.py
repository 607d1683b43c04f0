"""An app of apps/ as a module, and its page while it is served.

An app is a folder `apps/NAME` with an `app.py` that defines

    build(opened, name) -> gradio.Blocks       the page, over what it shows: an open model, a run; `name` stands on it
    serve(page, *, port) -> str                start serving in the background; returns the address
    answer_presets(address) -> Iterator        send every example to the served page; (name, figures) of each

This module knows these functions and none of the pages.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from smolkit.assets import asset
from smolkit.registry import require

Opener = Callable[[], AbstractContextManager[Any]]
"""Opens what an app shows, such as a model, once gradio is known to be there."""


@contextmanager
def served(name: str, opened: Opener, shown: str, port: int | None = None) -> Iterator[tuple[ModuleType, Any, str]]:
    """An app while it is served: its module, its page and the address; what it shows is closed after the page."""
    module = load_app(name)  # before a model is opened for nothing
    with opened() as resource:
        page = module.build(resource, Path(shown).name)
        try:
            yield module, page, module.serve(page, port=port)
        finally:
            page.close(verbose=False)


def load_app(name: str) -> ModuleType:
    """The module `apps/NAME/app.py`, which is in no package. Raises MissingExtra where gradio is not installed."""
    require("gradio", extra="apps", why="a demo")
    spec = importlib.util.spec_from_file_location(f"smolkit_app_{name}", asset("apps", name, "app.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # type hints of the app's endpoints are looked up there
    spec.loader.exec_module(module)
    return module
