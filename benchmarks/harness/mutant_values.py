"""Values that programs stumble over: the ends of ranges, numbers that are none, texts without an end; and bombs."""

import bz2
import gzip
import lzma
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

_ENDS = [1 << bits for bits in (7, 8, 15, 16, 24, 31, 32, 48, 62, 63, 64)]
INTEGERS: Sequence[int] = (
    0,
    1,
    -1,
    2,
    3,
    4,
    5,
    7,
    16,
    64,
    100,
    1000,
    *(n - d for n in _ENDS for d in (0, 1)),
    *(-n for n in _ENDS),
)
FRACTIONS: Sequence[float] = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e-320,
    1e-45,
    1e-30,
    1e30,
    3.4e38,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
    -float("inf"),
)
TEXTS: Sequence[str] = (
    "",
    " ",
    "-",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "9" * 4000,
    "9" * 5000,
    "0x10",
    "1_000",
    "١٢٣",
    "½",
    "1,5",
    "(1,2",
    "(1,0,0)",
    "(nan,nan,nan)",
    "(1,0,0) (0,1,0) (0,0,1)",
    "none",
    "None",
    "True",
    "yes",
    "%d",
    "{}",
    "null",
    "é",
    "\x1b[31mred",
    "a\x00b",
    "\ufeff",
    "../../etc/passwd",
    "LIST",
    "LOCAL",
    "gzip",
    "raw",
    "hex",
    "x" * 70_000,
    "(" * 3000,
    "[" * 3000,
    "1 " * 2000,
)
"""Odd values for a number or a word."""

_STRUCT: Mapping[str, str] = {
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
    "f4": "f",
    "f8": "d",
}


def odd_text(rng: Random) -> str:
    """A number or a word that should not be there."""
    kind = rng.randrange(4)
    if kind == 0:
        return str(rng.choice(INTEGERS))
    if kind == 1:
        return repr(rng.choice(FRACTIONS))
    if kind == 2:
        return " ".join(str(rng.choice(INTEGERS[:12])) for _ in range(rng.randrange(1, 6)))
    return rng.choice(TEXTS)


def odd_value(rng: Random, depth: int = 0) -> Any:
    """A value for JSON."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice((None, True, False, {}, []))
    if kind in (1, 2):
        return rng.choice(INTEGERS)
    if kind == 3:
        return rng.choice(FRACTIONS)
    if kind == 4 and depth < 2:
        return [odd_value(rng, depth + 1) for _ in range(rng.randrange(5))]
    if kind == 5 and depth < 2:
        return {rng.choice(("name", "id", "value", "")): odd_value(rng, depth + 1)}
    return rng.choice(TEXTS)


def poke(rng: Random, content: bytes, position: int, kind: str) -> tuple[bytes, str]:
    """Another number ('<i2', ...) at a position; the bytes, and the new value."""
    size = int(kind[2])
    if position < 0 or position + size > len(content):
        return content, "nothing"
    letter = kind[0] + _STRUCT[kind[1:]]
    value: int | float
    if kind[1] == "f":
        value = rng.choice(FRACTIONS)
        try:
            packed = struct.pack(letter, value)
        except OverflowError:
            packed = struct.pack(letter, float("inf"))
    else:
        value = rng.choice(INTEGERS)
        packed = (value % (1 << (8 * size))).to_bytes(size, "little" if kind[0] == "<" else "big")
    return content[:position] + packed + content[position + size :], f"{value} as {kind[1:]}"


@cache
def bomb(kind: str, size: int) -> bytes:
    """So many zeros, packed."""
    packers: Mapping[str, Callable[[bytes], bytes]] = {
        "gzip": lambda zeros: gzip.compress(zeros, mtime=0),
        "zlib": zlib.compress,
        "bzip2": bz2.compress,
        "lzma": lzma.compress,
    }
    return packers[kind](bytes(size))


def unpacked(content: bytes) -> tuple[bytes, bool]:
    """A file's bytes without gzip's packing, and whether there was any."""
    if not content.startswith(b"\x1f\x8b"):
        return content, False
    try:
        return gzip.decompress(content), True
    except (OSError, EOFError, zlib.error):
        return content, False


def packed_again(content: bytes, *, packed: bool) -> bytes:
    """The opposite of `unpacked`."""
    return gzip.compress(content, 1, mtime=0) if packed else content
