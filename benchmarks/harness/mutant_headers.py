"""Changes of formats whose headers are text: NRRD, MetaImage, NumPy, JSON of zarr and class tables, label tables."""

import io
import json
import zipfile
from collections.abc import Sequence
from random import Random
from typing import Any

from harness.mutant_values import INTEGERS, bomb, odd_text, odd_value
from harness.mutants import Files, Special, content_of, replaced

_NRRD_LINES: Sequence[str] = (
    "type: double",
    "type: block",
    "block size: 99999999999",
    "dimension: 4",
    "dimension: 16",
    "dimension: 99999999",
    "space: RAST",
    "space: scanner-xyz",
    "space dimension: 4",
    "sizes: 60000 60000 60000",
    "sizes: 5 6 4 4611686018427387904",
    "kinds: domain domain list",
    "kinds: vector domain domain",
    "kinds: 3-color domain domain domain",
    "kinds: space",
    "space directions: (nan,0,0) (0,1,0) (0,0,1)",
    "space directions: none (1,0,0) (0,1,0) (0,0,1)",
    "space directions: (1,0,0)",
    "space directions: (0,0,0) (0,0,0) (0,0,0)",
    "space origin: (inf,0,0)",
    "space origin: (1,2)",
    "spacings: 1 nan -1",
    "spacings: 1",
    "endian: middle",
    "encoding: bzip2",
    "encoding: raw",
    "encoding: gzip",
    "encoding: ascii",
    "line skip: 9999999999999999999",
    "line skip: -1",
    "byte skip: 9223372036854775807",
    "byte skip: -1",
    "byte skip: -2",
    'space units: "" "" ""',
    "space units: mm",
    "Segment0_LabelValue:=99999999999999999999",
    "Segment0_Layer:=1000000000",
    "Segment0_Name:=",
    "Segment0_Color:=nan inf -1",
    "Segment999999_Name:=x",
    "Segment0_Tags:=TerminologyEntry:~~~~",
    "Segment1_LabelValue:=1",
    "data file: LIST",
    "data file: a%02d.raw 1 9 1",
)
_META_LINES: Sequence[str] = (
    "NDims = 9",
    "NDims = 99999999999",
    "DimSize = 60000 60000 60000",
    "DimSize = nan 1 1",
    "DimSize = 1e308 2 2",
    "DimSize = 2.5 6 4",
    "ElementNumberOfChannels = 9999999999",
    "ElementNumberOfChannels = 3",
    "ElementType = MET_STRING",
    "ElementType = MET_UCHAR_ARRAY",
    "HeaderSize = -1",
    "HeaderSize = -2",
    "HeaderSize = 9223372036854775807",
    "CompressedData = True",
    "CompressedDataSize = -1",
    "ElementSpacing = 0 0 0",
    "ElementSpacing = -1 nan inf",
    "Offset = inf 0 0",
    "TransformMatrix = 1 0 0 1 0 0 1 0 0",
    "TransformMatrix = 1",
    "BinaryData = False",
    "ElementByteOrderMSB = True",
    "DistanceUnits = ",
    "ElementDataFile = LIST",
    "ElementDataFile = %d.raw 1 2 3",
    "ElementDataFile = ",
    "ElementDataFile = LOCAL",
    "ObjectType = Tube",
)
_LABEL_LINES: Sequence[str] = (
    '1 255 0 0 1 1 1 "a"',
    "1 2 3",
    '-1 0 0 0 1 1 1 "b"',
    '99999999999 0 0 0 1 1 1 "c"',
    '2 300 -1 0 1 1 1 "d"',
    '3 0 0 0 1 1 1 ""',
    '"',
    "#",
)
_NUMPY_TYPES: Sequence[str] = (
    "'|O'",
    "'<U10'",
    "'<c8'",
    "'<f2'",
    "'>f8'",
    "'|V100000000'",
    "'|S9999999999'",
    "'<M8[ns]'",
    "'|b1'",
    "'<f16'",
    "'<i3'",
    "('<i4', (9, 9))",
    "[('a', '<i4')]",
    "[('a', '|O')]",
    "''",
    "None",
    "'<i8,<i8'",
    "{'names': ['a'], 'formats': ['<f4']}",
    "'<u8'",
    "'|i1'",
)


def nrrd_line(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A line of an NRRD header."""
    header, end, voxels = content_of(files, main).partition(b"\n\n")
    changed, what = _another_line(rng, header, _NRRD_LINES, b":")
    return replaced(files, main, changed + end + voxels), what


def meta_line(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A line of a MetaImage header."""
    content = content_of(files, main)
    place = content.find(b"ElementDataFile")
    end = content.find(b"\n", place) if place >= 0 else -1
    if end < 0:
        return files, "nothing"
    changed, what = _another_line(rng, content[:end], _META_LINES, b"=")
    return replaced(files, main, changed + content[end:]), what


def text_bomb(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """Replace the voxels of an NRRD or MetaImage by packed zeros, with fitting or other sizes."""
    content = content_of(files, main)
    kind, name = rng.choice((("gzip", b"gzip"), ("bzip2", b"bzip2"), ("zlib", b"gzip")))
    side = rng.choice((b"200", b"4096", b"60000"))
    packed = bomb(kind, 64 << 20)[: rng.choice((None, None, 1000))]
    if content.startswith(b"NRRD"):
        lines = content.partition(b"\n\n")[0].splitlines()
        skip = rng.choice((b"0", b"-1", b"1000000000"))
        kept = [line for line in lines if not line.startswith((b"sizes", b"encoding", b"byte skip"))]
        header = b"\n".join([*kept, b"sizes: " + b" ".join([side] * 3), b"encoding: " + name, b"byte skip: " + skip])
        changed = header + b"\n\n"
    else:
        lines = content.partition(b"ElementDataFile")[0].splitlines()
        kept = [line for line in lines if not line.startswith((b"DimSize", b"CompressedData "))]
        added = [b"DimSize = " + b" ".join([side] * 3), b"CompressedData = True", b"ElementDataFile = LOCAL"]
        changed = b"\n".join([*kept, *added]) + b"\n"
    return replaced(files, main, changed + packed), f"a bomb of {kind}, sizes {side.decode()}"


def json_file(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A value somewhere in a JSON file."""
    names = [name for name in files if name.endswith((".json", ".zarray", ".zattrs", ".zgroup"))]
    if not names:
        return files, "nothing"
    name = rng.choice(names)
    text = content_of(files, name)
    if rng.random() < 0.1:
        odd = rng.choice(
            (b"", b"[" * 100_000, b'{"a":' * 5000, b"null", b"[]", b'"x"', b"\xff\xfe{}", text + text, b"9" * 5000)
        )
        return replaced(files, name, odd), f"{name} is {odd[:10]!r}..."
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return files, "nothing"
    what = _another_node(rng, tree)
    return replaced(files, name, json.dumps(tree).encode()), f"{name}: {what}"


def chunk(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A chunk of a zarr, or another plain file of the folder."""
    names = [name for name in files if "/c/" in name or name.rpartition("/")[2].replace(".", "").isdigit()]
    if not names:
        return files, "nothing"
    name = rng.choice(names)
    other = rng.choice(
        (
            b"",
            content_of(files, name)[:7],
            bytes(10_000_000),
            bomb("gzip", 64 << 20),
            bomb("zlib", 64 << 20),
            b"\x28\xb5\x2f\xfd" + rng.randbytes(50),
            Special("link", "/dev/zero"),
            Special("pipe"),
            Special("folder"),
            Special("link", "/etc/hostname"),
        )
    )
    what = f"{len(other)} bytes" if isinstance(other, bytes) else f"a {other.kind} {other.target}"
    return replaced(files, name, other), f"{name} is {what}"


def label_table(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A line of an ITK-SNAP label description beside the file."""
    name = next((name for name in files if name.endswith(".label.txt")), None)
    if name is None:
        return files, "nothing"
    changed, what = _another_line(rng, content_of(files, name).rstrip(b"\n"), _LABEL_LINES, b" ")
    return replaced(files, name, changed + b"\n"), f"{name}: {what}"


def numpy_header(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """The header of an array, also of an array in an archive."""
    content = content_of(files, main)
    inside = _first_member(content)
    array = inside if inside is not None else content
    changed, what = _numpy_changed(rng, array)
    return replaced(files, main, _archive(rng, changed) if inside is not None else changed), what


def archive(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """Members of an archive, and the packing."""
    array = _first_member(content_of(files, main))
    if array is None:
        return files, "nothing"
    side = rng.choice((5, 400, 60_000))
    header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({side}, {side}, {side})}}".encode()
    large = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(4 << 20)
    contents = rng.choice(((array, array), (), (array[:50],), (large,), (b"\x80\x04N.",), (b"",)))
    return replaced(files, main, _archive(rng, *contents)), f"an archive of {len(contents)}, side {side}"


def _numpy_changed(rng: Random, array: bytes) -> tuple[bytes, str]:
    end = array.find(b"\n") + 1
    voxels = array[end:]
    kind = rng.choice(_NUMPY_TYPES) if rng.random() < 0.5 else "'<i2'"
    shape = rng.choice(
        (
            "(4, 6, 5)",
            "()",
            "(0, 6, 5)",
            "(-1, 6, 5)",
            "4",
            "(4.0, 6, 5)",
            "(True, 6, 5)",
            "('4', 6, 5)",
            "[4, 6, 5]",
            odd_text(rng)[:3000],
        )
    )
    order = rng.choice(("False", "True", "1", "'C'"))
    header = f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}".encode("utf-8", "replace")
    length = rng.choice((len(header), len(header), len(header), len(header), 0, 65535, len(header) // 2))
    version = rng.choice((b"\x01\x00", b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\xff\xff"))
    size = 2 if version == b"\x01\x00" else 4
    start = b"\x93NUMPY" + version + (length % (1 << 8 * size)).to_bytes(size, "little")
    return start + header + voxels, f"header {header[:80]!r}, length {length}"


def _first_member(content: bytes) -> bytes | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return packed.read(packed.namelist()[0])
    except Exception:  # noqa: BLE001 - whatever is no archive (any more)
        return None


def _archive(rng: Random, *contents: bytes) -> bytes:
    """An archive with odd names, and now and then another claimed size."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for n, content in enumerate(contents):
            name = rng.choice((f"arr_{n}.npy", f"../arr_{n}.npy", f"/etc/arr_{n}.npy", f"é{n}", f"{n}\x1b[31m.npy"))
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    found = packed.getvalue()
    place = found.find(b"PK\x01\x02")
    if place < 0 or rng.random() < 0.6:
        return found
    at = place + rng.choice((8, 10, 16, 20, 24, 28, 30, 42))  # flags, method, checksum, sizes, lengths, place
    return found[:at] + (rng.choice(INTEGERS) % (1 << 32)).to_bytes(4, "little") + found[at + 4 :]


def _another_line(rng: Random, header: bytes, known: Sequence[str], mark: bytes) -> tuple[bytes, str]:
    lines = header.split(b"\n")
    at = rng.randrange(len(lines))
    key, sign, value = lines[at].partition(mark)
    act = rng.choice(("value", "value", "word", "word", "known", "known", "remove", "repeat", "key", "junk", "first"))
    new = odd_text(rng).encode("utf-8", "surrogatepass")
    if act == "value":
        lines[at] = key + sign + b" " + new
    elif act == "word" and value.split():
        words = value.split()
        words[rng.randrange(len(words))] = new
        lines[at] = key + sign + b" " + b" ".join(words)
    elif act == "known":
        new = rng.choice(known).encode()
        start = new.partition(mark)[0]
        lines = [new if line.startswith(start + mark) else line for line in lines]
        lines = lines if new in lines else [*lines[:-1], new, lines[-1]]
    elif act == "remove":
        del lines[at]
    elif act == "repeat":
        lines[at:at] = [lines[at]] * rng.choice((1, 2, 5000))
    elif act == "key":
        lines[at] = new + sign + value
    else:
        lines.insert(0 if act == "first" else at, rng.randbytes(rng.choice((1, 30, 3000))))
    return b"\n".join(lines), f"line {at} {act}: {new[:40]!r}"


def _another_node(rng: Random, tree: Any) -> str:
    """Change a value of a tree of lists and dictionaries in place."""
    places = list(_places(tree))
    if not places:
        return "nothing"
    parent, key = rng.choice(places)
    act = rng.choice(("set", "set", "set", "remove", "repeat", "nest"))
    if act == "remove":
        del parent[key]
    elif act == "repeat" and isinstance(parent, list):
        parent[key:key] = [parent[key]] * rng.choice((1, 40))
    elif act == "nest":
        for _ in range(rng.choice((1, 200))):
            parent[key] = [parent[key]]
    else:
        parent[key] = odd_value(rng)
    return f"{act} {key}"


def _places(tree: Any) -> Sequence[tuple[Any, Any]]:
    """All places in a tree, as a container and a key or an index."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            found.append((node, key))
            waiting.append(node[key])
    return found
