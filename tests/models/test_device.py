from __future__ import annotations

import pytest
import torch

from smolkit.errors import ModelError
from smolkit.models.device import has_fast_bfloat16, pick_dtype


def test_auto_is_bfloat16_only_where_it_is_fast() -> None:
    assert pick_dtype("auto") == (torch.bfloat16 if has_fast_bfloat16() else torch.float32)
    assert pick_dtype("float32") == torch.float32


def test_an_unknown_dtype_gets_the_nearest() -> None:
    with pytest.raises(ModelError, match="Did you mean 'bfloat16'"):
        pick_dtype("bfloat")
