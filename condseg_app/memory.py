"""Free memory of this process."""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from condseg_app.errors import OutOfMemory

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
# Smaller pieces are taken without a check, which would take longer than reading.
_WORTH_A_LOOK = 1 << 26
_M_MMAP_THRESHOLD, _LARGE = -3, 1 << 20  # the former of glibc's malloc.h


def free_memory() -> int:
    """Bytes that are free: the machine's, or fewer where this process or its container has a limit."""
    available: int = psutil.virtual_memory().available
    return max(0, min(available, *_own_limits()))


def has_room(needed: int) -> bool:
    """Whether so many bytes leave as many free, for work on the data takes room, too."""
    return 2 * needed <= free_memory()


def require_memory(needed: int, path: Path | None) -> None:
    """Refuse data that do not fit before the system tries.

    Raises:
        OutOfMemory: as many bytes are not free.
    """
    if needed > _WORTH_A_LOOK and needed > free_memory():
        raise OutOfMemory(
            f"its voxels need {needed / 2**30:.1f} GiB, more than is free; close other programs, or use a part of it",
            path=path,
        )


def _own_limits() -> Iterator[int]:
    """Bytes left below each limit of this process; infinite without a limit."""
    yield sys.maxsize
    if sys.platform == "linux":
        import resource

        used = psutil.Process().memory_info()
        for limit, taken in ((resource.RLIMIT_AS, used.vms), (resource.RLIMIT_DATA, used.data)):
            soft, _ = resource.getrlimit(limit)
            if soft != resource.RLIM_INFINITY:
                yield soft - taken
        yield from _cgroup_limits()


def _cgroup_limits() -> Iterator[int]:
    """Bytes left in this process's control group (version 2) and in each group above."""
    try:
        lines = _MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):
            inside = Path(line[len("0::/") :])
            for group in (inside, *inside.parents):
                left = _left_in(_CGROUPS / group)
                if left is not None:
                    yield left


def _left_in(group: Path) -> int | None:
    """Bytes left in a control group with a limit; cached files do not count, for their memory is freed on demand."""
    try:
        limit = int((group / "memory.max").read_text(encoding="utf-8"))
        current = int((group / "memory.current").read_text(encoding="utf-8"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError):  # no limit is written as 'max'
        return None
    cached = int(stat.get("active_file", 0)) + int(stat.get("inactive_file", 0))
    return limit - current + cached


def give_large_blocks_back() -> None:
    """Have large blocks returned to the system when they are freed; glibc only.

    By itself glibc moves the limit up to the largest block ever freed, cuts all blocks below from one heap, and the
    window's pictures of some megabytes then leave holes there.
    """
    mallopt = allocator_function("mallopt")
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


def allocator_function(name: str) -> Any:
    """A function of glibc's allocator; None with other systems' allocators."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
