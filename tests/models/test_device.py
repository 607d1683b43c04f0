from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from smolkit.errors import ModelError
from smolkit.models.device import has_fast_bfloat16, pick_dtype, rough_products


def test_auto_is_bfloat16_only_where_it_is_fast() -> None:
    assert pick_dtype("auto") == (torch.bfloat16 if has_fast_bfloat16() else torch.float32)
    assert pick_dtype("float32") == torch.float32


def test_an_unknown_dtype_gets_the_nearest() -> None:
    with pytest.raises(ModelError, match="Did you mean 'bfloat16'"):
        pick_dtype("bfloat")


def test_rough_products_are_near_and_end_with_their_block(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = torch.randn(256, 576), torch.randn(576, 512)
    exact = left @ right
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    with rough_products():
        assert torch.get_float32_matmul_precision() == "medium"
        torch.testing.assert_close(left @ right, exact, rtol=0, atol=0.02 * float(exact.abs().max()))
    assert torch.equal(left @ right, exact)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    with rough_products():
        assert torch.equal(left @ right, exact)


HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(not HUGE_PAGES.exists() or "[never]" in HUGE_PAGES.read_text(), reason="no huge pages here")
def test_the_heap_that_is_kept_has_huge_pages_and_takes_no_memory() -> None:
    code = """if True:
        import re, resource
        from pathlib import Path
        import torch
        from smolkit.models.device import keep_freed_memory

        resident = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        before = resident()
        keep_freed_memory()
        print(resident() - before < 2**26)
        block = torch.ones(2**22)
        at = block.data_ptr() + block.nbytes // 2
        for area in re.split(r"\\n(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text()):
            start, end = (int(edge, 16) for edge in area.split()[0].split("-"))
            if start <= at < end:
                print("hg" in area.rpartition("VmFlags:")[2].split())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
