"""Files damaged on purpose: two numbers decide a mutant, so that each can be made again.

A seed is a sound little file of some format, with companions. A mutant is a seed after one to three changes,
most of which know how the format is built (`mutant_formats`, `mutant_headers`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

OUTSIDE = "secret.raw"
"""A file beside the mutant's folder that no mutant may lead to."""


@dataclass(frozen=True)
class Special:
    """Something in a folder that is no plain file."""

    kind: Literal["link", "pipe", "folder"]
    target: str = ""


Files = Mapping[str, bytes | Special]
"""Names below a folder -> content."""

Change = Callable[[Random, Files, str], tuple[Files, str]]
"""Changes some files, given the name of the file to open; describes the change in a few words."""


@dataclass(frozen=True)
class Seed:
    """A sound file.

    Attributes:
        format: for tables.
        main: the name of the file or folder to open.
        files: the file, with all that lies beside or inside.
    """

    format: str
    main: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Mutant:
    """A damaged file.

    Attributes:
        seed: the sound file.
        files: the files to write.
        changes: descriptions of the changes, in a few words each.
        must_fail: whether the file names voxels that must not be read.
    """

    seed: Seed
    files: Files
    changes: tuple[str, ...]
    must_fail: bool = False

    def write(self, folder: Path) -> Path:
        """Write the mutant into an empty folder; returns the path to open."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            elif content.kind == "link":
                path.symlink_to(content.target)
            elif content.kind == "pipe":
                import os

                os.mkfifo(path)
            else:
                path.mkdir(exist_ok=True)
        return folder / self.seed.main

    def __str__(self) -> str:
        return f"{self.seed.format}, {self.seed.main}: {'; '.join(self.changes)}"


def mutant(seeds: Sequence[Seed], kinds: Mapping[str, Sequence[Change]], run: int, number: int) -> Mutant:
    """Make a mutant of a run's endless series; all formats take turns.

    Args:
        seeds: the choice of seeds.
        kinds: format -> the changes for that format.
        run: tells a run from another.
        number: which of the run's mutants, from 0.
    """
    rng = Random(f"{run}/{number}")
    formats = sorted({seed.format for seed in seeds})
    chosen = formats[number % len(formats)]
    seed = rng.choice([seed for seed in seeds if seed.format == chosen])
    files: Files = seed.files
    leads_out = _OUTSIDE.get(seed.main.rpartition(".")[2])
    if leads_out is not None and rng.random() < _OFTEN_OUTSIDE:
        files, what = leads_out(rng, files, seed.main)
        return Mutant(seed, files, (what,), must_fail=True)
    done: list[str] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if not files:  # the only file was removed
            break
        knowing = kinds.get(seed.format, ())
        change = rng.choice(knowing) if knowing and rng.random() < _OFTEN_KNOWING else rng.choice(ANY_FORMAT)
        files, what = change(rng, files, seed.main)
        done.append(what)
    return Mutant(seed, files, tuple(done))


def replaced(files: Files, name: str, content: bytes | Special) -> Files:
    """The files with another content of a file."""
    return {**files, name: content}


def some_file(rng: Random, files: Files, main: str) -> str:
    """The name of a plain file: the file to open, more often than not."""
    plain = [name for name, content in files.items() if isinstance(content, bytes)]
    return main if main in plain and rng.random() < 0.7 else rng.choice(plain) if plain else main


def content_of(files: Files, name: str) -> bytes:
    """A plain file's bytes; empty for any other kind."""
    found = files.get(name, b"")
    return found if isinstance(found, bytes) else b""


# Changes that know nothing of the format


def _cut(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    name = some_file(rng, files, main)
    content = content_of(files, name)
    end = rng.choice((0, 1, rng.randrange(len(content) + 1), max(0, len(content) - 1), min(len(content), 352)))
    return replaced(files, name, content[:end]), f"{name} cut to {end} bytes"


def _append(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    name = some_file(rng, files, main)
    more = rng.choice((b"\0", b"\n", rng.randbytes(100), content_of(files, name)))
    return replaced(files, name, content_of(files, name) + more), f"{len(more)} bytes appended to {name}"


def _flip(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    name = some_file(rng, files, main)
    content = bytearray(content_of(files, name))
    count = rng.choice((1, 1, 2, 8, 64))
    near = rng.choice((len(content), min(len(content), 400)))  # headers stand at the beginning
    for _ in range(count if content else 0):
        content[rng.randrange(near)] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return replaced(files, name, bytes(content)), f"{count} bytes changed in {name}"


def _move(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    name = some_file(rng, files, main)
    content = content_of(files, name)
    start, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    if rng.random() < 0.5:
        return replaced(files, name, content[:start] + content[end:]), f"bytes {start} to {end} of {name} removed"
    return replaced(files, name, content[:end] + content[start:]), f"bytes {start} to {end} of {name} doubled"


def _no_file(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    name = rng.choice(sorted(files))
    special = rng.choice(
        (None, Special("folder"), Special("pipe"), Special("link", "/dev/zero"), Special("link", name))
    )
    left = {other: content for other, content in files.items() if other != name and not other.startswith(f"{name}/")}
    if special is None:
        return left, f"{name} removed"
    return {**left, name: special}, f"{name} made a {special.kind} {special.target}"


ANY_FORMAT: Sequence[Change] = (_cut, _append, _flip, _flip, _move, _no_file)
"""Changes that know nothing of the format."""

_OFTEN_KNOWING = 0.85
_OFTEN_OUTSIDE = 0.08


# Headers that name another file


def _outside(rng: Random) -> tuple[str, Files]:
    """A name that leads out of the folder or to no plain file, and the files that the name needs in the folder."""
    names: Sequence[tuple[str, Files]] = (
        (f"../{OUTSIDE}", {}),
        (f"..\\{OUTSIDE}", {}),
        (f"below/../../{OUTSIDE}", {"below/a": b""}),
        ("/dev/zero", {}),
        ("/proc/self/mem", {}),
        ("file:///etc/hostname", {}),
        ("C:\\secret.raw", {}),
        ("link.raw", {"link.raw": Special("link", f"../{OUTSIDE}")}),
        ("link.raw", {"link.raw": Special("link", "/dev/zero")}),
        ("link.raw", {"link.raw": Special("link", "link.raw")}),
        ("pipe.raw", {"pipe.raw": Special("pipe")}),
        ("folder.raw", {"folder.raw": Special("folder")}),
        ("below/voxels.raw", {"below/voxels.raw": bytes(4000)}),
        (".", {}),
        ("..", {}),
        ("x" * 300, {}),
    )
    return rng.choice(names)


def _nrrd_outside(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    name, more = _outside(rng)
    header = content_of(files, main).partition(b"\n\n")[0].splitlines()
    lines = [line for line in header if not line.lower().startswith((b"data file", b"encoding"))]
    changed = b"\n".join([*lines, b"encoding: raw", f"data file: {name}".encode(), b"", b""])
    return {**files, **more, main: changed}, f"voxels in {name[:40]}"


def _meta_outside(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    name, more = _outside(rng)
    start = content_of(files, main).partition(b"ElementDataFile")[0].replace(b"CompressedData = True", b"")
    return {**files, **more, main: start + f"ElementDataFile = {name}\n".encode()}, f"voxels in {name[:40]}"


_OUTSIDE: Mapping[str, Change] = {
    "nrrd": _nrrd_outside, "nhdr": _nrrd_outside, "mha": _meta_outside, "mhd": _meta_outside,
}  # fmt: skip
