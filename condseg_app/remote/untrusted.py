"""Untrusted files, read for the first time in a process of its own with limited memory and time.

Readers check the claims of a header. This check is for all else: faults of libraries, and packed data that unpack
without an end.
"""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from condseg_app.data import Pick
from condseg_app.errors import OutOfMemory, ReadError
from condseg_app.io.choices import CHOICE_NEEDED, EVERYTHING
from condseg_app.remote.own_command import own_command

MEMORY = 8 << 30
"""Bytes that the process may take: a large CT (512 x 512 x 1,000 voxels of 16 bits) takes less than a quarter."""
SECONDS = 120.0
"""Longest time to read."""

_REFUSED = 2  # the exit code that comes with a sentence


def check_untrusted(path: Path, pick: Pick = EVERYTHING, memory: int = MEMORY, seconds: float = SECONDS) -> None:
    """Read all of a file in a process of its own, whose end does not harm this process.

    Of a file with several images and no pick, only the list of images is read. Memory is limited on Linux only.

    Args:
        path: the file or folder.
        pick: the choice among several images of a file.
        memory: bytes that the process may take.
        seconds: longest time to read.

    Raises:
        ReadError: the file cannot be read, not in so much time, or ended the process.
        OutOfMemory: the file cannot be read in so much memory.
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
        return  # the reader will ask, and the chosen image is checked then
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
    chosen = [f"--{name}={value}" for name, value in asdict(pick).items() if value is not None]
    return own_command("info", "--json", *chosen, "--", str(path))


def _limit(pid: int, memory: int) -> None:
    if sys.platform == "linux":
        import resource

        resource.prlimit(pid, resource.RLIMIT_AS, (memory, memory))
