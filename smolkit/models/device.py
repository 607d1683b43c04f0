"""What this machine computes well: the dtype to take, and how its allocator should keep memory."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from smolkit.errors import ModelError

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}

_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")
"""What torch calls the instructions of x86 and Arm that multiply bfloat16."""

# glibc's mallopt parameters (malloc.h)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST_INT = 2**31 - 1
_MADV_HUGEPAGE = 14
_HUGE_PAGE = 2**21
_BLOCKS, _BLOCK = 8, 2**30
"""The part of the heap that is asked for: 8 GiB of address space."""


def pick_dtype(name: str = "auto") -> torch.dtype:
    """The dtype of that name; `auto` is bfloat16 where the device multiplies it in hardware, else float32."""
    if name == "auto":
        return torch.bfloat16 if has_fast_bfloat16() else torch.float32
    if name not in DTYPES:
        raise ModelError(f"unknown dtype {name!r}", given=name, known=["auto", *DTYPES])
    return DTYPES[name]


def has_fast_bfloat16() -> bool:
    """Whether matrix products in bfloat16 are faster than in float32 here: AVX512-BF16, AMX, or a recent GPU."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return _cpu_has(*_BFLOAT16)


def has_fast_int8() -> bool:
    """Whether products of 8-bit integers are the fastest that the processor has: AVX512-VNNI without AMX."""
    return _cpu_has("avx512_vnni") and not _cpu_has("amx_bf16")


def _cpu_has(*names: str) -> bool:
    """Whether the processor has one of these, by torch's names for them."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(bool(capabilities.get(name)) for name in names)


@contextmanager
def rough_products() -> Iterator[None]:
    """Compute float32 products on the CPU from operands rounded to bfloat16, where the processor multiplies those.

    Sums and results stay float32. For statistics over many tokens: products take half as long.
    """
    before = torch.get_float32_matmul_precision()
    if _cpu_has(*_BFLOAT16):
        torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def keep_freed_memory() -> None:
    """Let glibc reuse large blocks instead of returning them: a training step frees and asks for the same again.

    Fresh pages must be zeroed by the kernel; measured here, that took a sixth of the time of a step on two cores, and
    pages of 4 KiB another tenth. Does nothing on other C libraries.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    libc.mallopt(_M_ARENA_MAX, 1)  # the backward pass has a thread, and would keep a heap, of its own
    libc.mallopt(_M_TRIM_THRESHOLD, -1)
    libc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_INT)
    _ask_for_huge_pages(libc)
    libc.mallopt(_M_MMAP_THRESHOLD, 2**26)


def _ask_for_huge_pages(libc: ctypes.CDLL) -> None:
    """Have the kernel back the part of the heap that will be used next with huge pages as it is touched.

    The heap grows by blocks that are freed again at once: address space, and no memory. A kernel or a limit that
    refuses leaves everything as it was.
    """
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    blocks = [libc.malloc(_BLOCK) for _ in range(_BLOCKS)]
    for block in blocks:
        if block is not None:
            start = -(-block // _HUGE_PAGE) * _HUGE_PAGE
            libc.madvise(start, block + _BLOCK - start, _MADV_HUGEPAGE)
    for block in blocks:
        libc.free(block)


def release_freed_memory() -> None:
    """Give back to the kernel what lies free between blocks in use; tensors of many sizes leave ever more of it.

    Costs the next step about a second, so it is for now and then. Does nothing where glibc is not the allocator.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
    if trim is not None:
        trim(0)


def copied(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A CPU tensor on a device, without waiting for what the device has to do before."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


_PEAKS = {"H100": 989e12, "H200": 989e12, "B200": 2250e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12,
          "A10G": 70e12, "A10": 125e12, "RTX 4090": 165e12, "RTX 3090": 71e12}  # fmt: skip
"""Dense bfloat16 FLOP/s of GPUs by a part of their name, from their makers' data sheets; the first that fits."""
_PROBE = 1536
"""Rows and columns of the matrices whose product is timed."""


def peak_flops(dtype: torch.dtype) -> tuple[float, str]:
    """FLOP/s of one device's matrix products, and where the figure comes from: a data sheet, or a product timed here.

    What is timed is the best of a few products of square matrices, so that a share of it cannot look better than it is.
    """
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        known = next((peak for part, peak in _PEAKS.items() if part in name), None)
        if known is not None and dtype == torch.bfloat16:
            return known, f"{name}, data sheet, bfloat16 without sparsity"
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    one = torch.randn(_PROBE, _PROBE, device=device).to(dtype)
    best = float("inf")
    for _ in range(8):
        began = time.perf_counter()
        one @ one
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * _PROBE**3 / best, f"a product of {_PROBE} x {_PROBE} {str(dtype).removeprefix('torch.')} timed here"


def memory_available() -> float | None:
    """Bytes that a run may use here: free memory of the GPU, else of the machine; None where it is not known."""
    if torch.cuda.is_available():
        return float(torch.cuda.mem_get_info()[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if rest}
    available = found.get("MemAvailable", 0) * 1024.0
    return min([available, *_cgroup_limit()]) or None


def _cgroup_limit() -> list[float]:
    """What a container may use beyond what it uses; files that are cached give way."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        return [float(int(limit) - int(used) + int(stat["inactive_file"]))]
    except (OSError, ValueError, KeyError):
        return []
