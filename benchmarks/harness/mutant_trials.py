"""Mutants, read one after the other in a separate process, which may be killed without harm.

    python -m harness.mutant_trials RUN FIRST COUNT FOLDER [odd]

A line of JSON for each mutant tells the outcome. A mutant that hangs or ends the process has none: the process
ends by a signal, and the next number is to blame.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from harness.mutant_formats import CHANGES
from harness.mutant_seeds import odd_seeds, seeds
from harness.mutants import OUTSIDE, Mutant, Seed, mutant

from condseg_app.data import Image
from condseg_app.errors import CondsegError
from condseg_app.io import describe, read_image, read_label_map
from condseg_app.io.choices import EVERYTHING, ChoiceNeeded

CPU_SECONDS = 5.0
"""How long reading may compute."""
WALL_SECONDS = 30.0
"""Most seconds of waiting, also for other programs: these machines are busy."""
MEMORY = 1 << 30
"""Bytes that reading may take, beside the libraries' own."""

_MOST_READ = 1 << 26  # bytes; of a larger image a slice is read
_LONGEST_SENTENCE = 1500
_MOST_CHOICES = 3


@dataclass
class Tally:
    """Outcomes of some mutants.

    Attributes:
        read: format -> number of mutants that gave an image.
        refused: format -> number of mutants refused in a sentence.
        failures: description of the failure, by the mutant's number.
        slowest: most seconds of computing for a mutant.
    """

    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)
    slowest: float = 0.0

    @property
    def tried(self) -> int:
        """Number of mutants."""
        return self.read.total() + self.refused.total() + len(self.failures)

    def add(self, other: "Tally") -> None:
        """Add the outcomes of others."""
        self.read += other.read
        self.refused += other.refused
        self.failures |= other.failures
        self.slowest = max(self.slowest, other.slowest)


def trial(run: int, first: int, count: int, folder: Path, odd: bool = False) -> Tally:
    """Read mutants in separate processes, as many as needed.

    Args:
        run: tells a run from another.
        first: the first mutant's number.
        count: number of mutants.
        folder: an empty folder for their files.
        odd: with real odd files, too, where available.
    """
    tally, at = Tally(), first
    while at < first + count:
        done = at
        for line, code in _lines(run, at, first + count - at, folder, odd):
            if code is not None:
                if done < first + count:
                    blamed = mutant(_seeds(odd), CHANGES, run, done)
                    tally.failures[done] = f"ended the process ({_how(code)}) [{blamed}]"
                    done += 1
                break
            _count(tally, json.loads(line))
            done += 1
        at = done
    return tally


def _seeds(odd: bool) -> Sequence[Seed]:
    return (*seeds(), *odd_seeds()) if odd else seeds()


def _lines(run: int, first: int, count: int, folder: Path, odd: bool) -> Iterator[tuple[str, int | None]]:
    """Lines that a process prints; at last the exit code."""
    numbers = (str(number) for number in (run, first, count))
    command = [sys.executable, "-m", "harness.mutant_trials", *numbers, str(folder), *(("odd",) if odd else ())]
    paths = os.pathsep.join((str(Path(__file__).parents[1]), *filter(None, sys.path)))
    variables = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=variables
    ) as child:
        for line in child.stdout or ():
            yield line, None
    yield "", child.returncode


def _count(tally: Tally, found: dict[str, object]) -> None:
    tally.slowest = max(tally.slowest, float(str(found["seconds"])))
    if found["failure"]:
        tally.failures[int(str(found["number"]))] = str(found["failure"])
    else:
        (tally.read if found["read"] else tally.refused)[str(found["format"])] += 1


def _how(code: int) -> str:
    if code in (-signal.SIGPROF, -signal.SIGALRM):
        return "too slow"
    return signal.Signals(-code).name if code < 0 else f"code {code}"


# In the separate process


def main(run: int, first: int, count: int, folder: Path, odd: bool) -> None:
    """Make and read mutants; a line for each."""
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    noise = os.open(folder / "noise", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.dup2(noise, 1)  # notices a library that prints, in any language
    os.dup2(noise, 2)
    for name in ("TMPDIR", "TEMP", "TMP"):
        os.environ[name] = str(folder / "temporary")
    (folder / OUTSIDE).write_bytes(b"secret" * 1000)
    known = _seeds(odd)
    _limit_memory()
    for number in range(first, first + count):
        made = mutant(known, CHANGES, run, number)
        start = time.process_time()
        outcome = _outcome(made, folder)
        if (said := _said(noise)) and outcome in _FINE:
            outcome = f"printed {said!r}"
        taken, read = time.process_time() - start, outcome == _FINE[0]
        failure = "" if outcome in _FINE else f"{outcome} [{made}]"
        found = {"number": number, "format": made.seed.format, "read": read, "seconds": taken, "failure": failure}
        lines.write(json.dumps(found) + "\n")


_LIBTIFF = re.compile(r"[A-Za-z_][\w.]*: ")
_FINE = ("read", "refused")


def _outcome(made: Mutant, folder: Path) -> str:
    """'read', 'refused', or the failure."""
    place, temporary = folder / "mutant", folder / "temporary"
    for path in (place, temporary):
        _empty(path)
    path = made.write(place)
    before = _names(place)
    _set_alarm(CPU_SECONDS, WALL_SECONDS)
    try:
        outcome = _tried(path)
    except MemoryError:
        outcome = "took too much memory"
    except Exception as error:  # noqa: BLE001 - which is what is looked for
        outcome = f"raised {type(error).__name__}: {str(error)[:200]} ({_place_of(error)})"
    finally:
        _set_alarm(0, 0)
    if made.must_fail and outcome == "read":
        return "read what lies outside of its folder"
    if _names(place) != before or _names(temporary) or len(list(folder.iterdir())) > _ENTRIES:
        return "wrote a file"
    return outcome


_ENTRIES = 4  # the mutant, temporary files, the file outside, the noise


def _tried(path: Path) -> str:
    """Use a file as a program does: open, show a slice, read labels, describe."""
    outcome = "refused"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for read in (_look_at, _take_for_labels, _describe):
            try:
                read(path)
                outcome = "read"
            except CondsegError as error:
                if not is_sentence(error.message):
                    return f"said {error.message[:200]!r} ({len(error.message)})"
    return f"warned {told[0].message} ({told[0].filename}:{told[0].lineno})" if told else outcome


def _look_at(path: Path) -> None:
    image = _picked(path)
    for words in (*image.warnings, *image.channels):
        if not is_sentence(words):
            raise ValueError(f"no sentence {words[:100]!r}")
    shape = image.array.shape
    shown = np.asarray(image.array[..., shape[-1] // 2])
    if shown.shape != shape[:-1] or shown.dtype != image.array.dtype:
        raise ValueError("a slice of another shape or type")
    if np.prod([float(n) for n in shape]) * image.array.dtype.itemsize <= _MOST_READ:
        image.voxels()


def _picked(path: Path) -> Image:
    pick = EVERYTHING
    for _ in range(_MOST_CHOICES):
        try:
            return read_image(path, pick)
        except ChoiceNeeded as choice:
            pick = choice.picked(choice.options[-1][0], pick)
    return read_image(path, pick)


def _take_for_labels(path: Path) -> None:
    for words in read_label_map(path).warnings:
        if not is_sentence(words):
            raise ValueError(f"no sentence {words[:100]!r}")


def _describe(path: Path) -> None:
    json.dumps(describe(path).warnings)


def is_sentence(text: str) -> bool:
    """Whether the text is a single line of reasonable length, without characters that a terminal would obey."""
    return bool(text.strip()) and text.isprintable() and len(text) <= _LONGEST_SENTENCE


def _empty(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _names(folder: Path) -> list[str]:
    return sorted(path.as_posix() for path in folder.rglob("*"))


def _place_of(error: BaseException) -> str:
    """The last lines of code up to the error."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(frames[-4:])


def _set_alarm(computing: float, waiting: float) -> None:
    """End this process by a signal after so many seconds; also inside a library's own code."""
    signal.setitimer(signal.ITIMER_PROF, computing)
    signal.setitimer(signal.ITIMER_REAL, waiting)


def _limit_memory() -> None:
    with Path("/proc/self/statm").open() as file:
        taken = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))


def _said(noise: int) -> str:
    """The printed text, without libtiff's messages within Pillow, which cannot be turned off."""
    if not os.fstat(noise).st_size:
        return ""
    lines = os.pread(noise, 2000, 0).decode("utf-8", "replace").splitlines()
    os.ftruncate(noise, 0)
    os.lseek(noise, 0, os.SEEK_SET)
    return "\n".join(line for line in lines if not _LIBTIFF.match(line))[:300]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), odd=sys.argv[5:] == ["odd"])
