"""What ships with Python: modules, tests, topics, docstrings; each is text, none is code where it should not be."""

from __future__ import annotations

import pytest

from smolkit.data.python_text import _docstrings, python_texts
from smolkit.data.text import PYTHON_PARTS


@pytest.mark.parametrize("part", [part for part in PYTHON_PARTS if part != "tests"])  # some systems leave those out
def test_every_part_is_text_with_names(part):
    names, texts = zip(*python_texts(part), strict=True)
    assert len(names) > 50
    assert list(names) == sorted(set(names))
    assert all(text.strip() for text in texts)
    assert not any("site-packages" in name for name in names)


def test_docstrings_come_in_the_order_of_the_source_without_the_code():
    source = (
        'def f():\n    """First."""\n\nclass A:\n    """Second."""\n    def g(self):\n        "Third."\n        x = 1\n'
    )
    assert _docstrings(source) == "First.\n\nSecond.\n\nThird."
    assert _docstrings("print 'old'") == ""
