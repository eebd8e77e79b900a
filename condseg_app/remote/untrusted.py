"""Files from anywhere, read for the first time in a process of its own that may take so much memory and time only.

The readers check what a header claims before they believe it. This is for what they cannot check: a library's own
faults, and packed data that unpack without an end.
"""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from condseg_app.data import Pick
from condseg_app.errors import OutOfMemory, ReadError
from condseg_app.io.choices import CHOICE_NEEDED, EVERYTHING

MEMORY = 8 << 30
"""Bytes that the process may take: a large CT (512 x 512 x 1,000 voxels of 16 bits) takes less than a quarter."""
SECONDS = 120.0
"""How long it may read."""

_REFUSED = 2  # the exit code that comes with a sentence


def check_untrusted(path: Path, pick: Pick = EVERYTHING, memory: int = MEMORY, seconds: float = SECONDS) -> None:
    """Read all of a file in a process of its own; whatever becomes of that process, this one goes on.

    Of a file that holds several images, of which none was picked, no more is read than what tells them apart. Memory is
    limited on Linux only.

    Args:
        path: the file or folder.
        pick: what to take of a file that holds more than one image.
        memory: bytes that the process may take.
        seconds: how long it may read.

    Raises:
        ReadError: it cannot be read, not in so much time, or ended the process.
        OutOfMemory: it cannot be read in so much memory.
    """
    path = path.expanduser().resolve()
    with subprocess.Popen(
        _command(path, pick), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        _limit(process.pid, memory)
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise ReadError(
                f"could not be read within {seconds:g} s; it may be damaged on purpose, so do not open it", path=path
            ) from error
    if process.returncode == CHOICE_NEEDED:
        return  # whoever reads it will ask, and what is chosen has to be checked then
    if process.returncode == _REFUSED:
        raise ReadError(said.strip().removeprefix("condseg: ").removeprefix(f"{path}: "), path=path)
    if "MemoryError" in said:
        raise OutOfMemory(
            f"could not be read in {memory / 2**30:.1f} GiB; do not open it unless you trust it", path=path
        )
    if process.returncode:
        raise ReadError("ended the process that was reading it; it is damaged, so do not open it", path=path)


def _command(path: Path, pick: Pick) -> list[str]:
    """`condseg info` of this very installation."""
    frozen = getattr(sys, "frozen", False)
    start = [sys.executable] if frozen else [sys.executable, "-P", "-m", "condseg_app"]
    chosen = [f"--{name}={value}" for name, value in asdict(pick).items() if value is not None]
    return [*start, "info", "--json", *chosen, "--", str(path)]


def _limit(pid: int, memory: int) -> None:
    if sys.platform == "linux":
        import resource

        resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
