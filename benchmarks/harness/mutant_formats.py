"""Changes of formats whose headers are binary: NIfTI, TIFF, PNG, JPEG, BMP, DICOM; and which changes go with which."""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import nibabel
from harness.mutant_headers import (
    archive,
    chunk,
    json_file,
    label_table,
    meta_line,
    nrrd_line,
    numpy_header,
    text_bomb,
)
from harness.mutant_values import INTEGERS, bomb, odd_text, packed_again, poke, unpacked
from harness.mutants import Change, Files, content_of, replaced

_CARET = (
    b"<CaretExtension><VolumeInformation>" + b"<a>" * 5000,
    b'<CaretExtension><!DOCTYPE a [<!ENTITY b "c">]><Label Key="1">&b;</Label></CaretExtension>',
    b'<CaretExtension><Label Key="99999999999999999999" Red="nan">a</Label></CaretExtension>',
    b'<CaretExtension><Label Key="x">a</Label></CaretExtension>',
    b'<CaretExtension><Label Key="1" Red="1e999">a</Label><Label Key="1">\x1b[0m</Label></CaretExtension>',
    b'<CaretExtension><Label Key="1"></Label></CaretExtension>' * 3,
)
_XML = (
    '<OME xmlns="a"><Image ID="Image:0"><Pixels SizeX="5" SizeY="6" SizeZ="99999999999" SizeC="1" SizeT="1" '
    'Type="int16" DimensionOrder="XYZCT"><TiffData/></Pixels></Image></OME>',
    "<OME/>",
    "<OME><Image/></OME>",
    '<!DOCTYPE a [<!ENTITY b "c">]><OME>&b;</OME>',
    "<OME>" + "<a>" * 3000,
    "ImageJ=1.0\nimages=99999999999\nslices=9\n",
    "ImageJ=1.0\nimages=4\nunit=mm\nspacing=nan\n",
    "ImageJ=1.0\nimages=x\n",
    '{"shape": [99999999, 9, 9]}',
    '{"shape": "x"}',
    '{"shape": [4, 6, 5]}',
    "\x00\xff",
    "x" * 100_000,
)


# NIfTI


def nifti_field(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A number of the header, or the byte order."""
    content, packed = unpacked(content_of(files, main))
    fields = _nifti_fields((540).to_bytes(4, "little") == content[:4])
    name, position, kind = rng.choice(fields)
    changed, what = poke(rng, content, position, f"{rng.choice('<<<<>')}{kind}")
    return replaced(files, main, packed_again(changed, packed=packed)), f"{name} is {what}"


def nifti_extension(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """Something between header and voxels, or voxels further away."""
    content, packed = unpacked(content_of(files, main))
    inside = rng.choice((*_CARET, rng.randbytes(60)))
    size = rng.choice((len(inside) + 8, len(inside) + 8, 0, 0xFFFFFFFF))
    block = b"\1\0\0\0" + struct.pack("<ii", size - (1 << 32) * (size > 0x7FFFFFFF), 30) + inside
    offset = struct.pack("<f", rng.choice((348.0 + len(block), 348.0 + len(block), 1e9, 3.4e38, -1.0, float("nan"))))
    changed = content[:108] + offset + content[112:348] + block + content[352:]
    return replaced(files, main, packed_again(changed, packed=packed)), f"an extension {inside[:40]!r}"


def nifti_bomb(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A header that claims a large size, with zeros behind, packed once or twice."""
    content, _ = unpacked(content_of(files, main))
    side = rng.choice((300, 4096, 32767))
    header = content[:42] + struct.pack("<3h", side, side, side) + content[48:352]
    zeros = rng.choice((b"", bomb("gzip", 64 << 20)))  # two packed parts unpack as a single stream
    whole = packed_again(header, packed=True) + zeros
    twice = rng.random() < 0.3
    return replaced(files, main, packed_again(whole, packed=True) if twice else whole), f"a bomb of {side}³"


@cache
def _nifti_fields(second: bool) -> Sequence[tuple[str, int, str]]:
    kind = nibabel.Nifti2Header if second else nibabel.Nifti1Header
    found = []
    fields: Mapping[str, Any] = kind.template_dtype.fields or {}
    for name, (dtype, offset, *_) in fields.items():
        base = dtype.base
        count = dtype.itemsize // base.itemsize
        letters = f"{base.kind}{base.itemsize}" if base.kind in "iuf" else "u1"
        found += [(f"{name}[{n}]", offset + n * base.itemsize, letters) for n in range(count)]
    often = [
        row
        for row in found
        if row[0].startswith(("dim[", "pixdim[", "datatype", "vox_offset", "scl_", "srow", "q", "s"))
    ]
    return [*found, *often, *often]


# TIFF


@dataclass(frozen=True)
class _Entry:
    """A tag of a TIFF: positions of the tag and of the value."""

    tag: int
    position: int
    value: int
    kind: int
    count: int


def tiff_tag(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A tag's number, type, count or value, or the way to the next page."""
    content = content_of(files, main)
    order = "<" if content[:2] == b"II" else ">"
    entries = list(_entries(content, order))
    if not entries:
        return files, "nothing"
    entry = rng.choice(entries)
    sizes = {3: "u2", 4: "u4", 5: "u4", 11: "f4", 12: "f8", 16: "u8"}
    kind = f"{order}{sizes.get(entry.kind, 'u1')}"
    act = rng.choice(("value", "value", "value", "tag", "type", "count", "next", "next"))
    if act == "value":
        position = entry.value + rng.randrange(max(1, min(entry.count, 50))) * int(kind[2])
        changed, what = poke(rng, content, position, kind)
    elif act == "next":
        last = entries[-1].position + 12
        where = rng.choice((8, last - 2, entry.position, *INTEGERS)) % (1 << 32)
        changed, what = content[:last] + struct.pack(f"{order}I", where) + content[last + 4 :], str(where)
    else:
        place, kind = {"tag": (0, "u2"), "type": (2, "u2"), "count": (4, "u4")}[act]
        changed, what = poke(rng, content, entry.position + place, order + kind)
    return replaced(files, main, changed), f"{act} of tag {entry.tag} is {what}"


def tiff_text(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """Another description in place of the present text."""
    content = content_of(files, main)
    order = "<" if content[:2] == b"II" else ">"
    entry = next((entry for entry in _entries(content, order) if entry.tag == 270), None)
    if entry is None:
        return files, "nothing"
    old = content[entry.value : entry.value + entry.count].decode("utf-8", "replace").rstrip("\0")
    text = rng.choice(_XML)
    if rng.random() < 0.6 and '"' in old:
        parts = old.split('"')
        parts[rng.randrange(1, len(parts), 2)] = odd_text(rng).replace('"', "")
        text = '"'.join(parts)
    raw = text.encode("utf-8", "surrogatepass") + b"\0"
    pointer = struct.pack(f"{order}II", len(raw), len(content))
    changed = content[: entry.position + 4] + pointer + content[entry.position + 12 :] + raw
    return replaced(files, main, changed), f"the description is {text[:60]!r}"


def _entries(content: bytes, order: str) -> Iterator[_Entry]:
    """The tags of all pages of a classic TIFF."""
    place, seen = int.from_bytes(content[4:8], "little" if order == "<" else "big"), set[int]()
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 11: 4, 12: 8}
    while 8 <= place < len(content) - 6 and place not in seen:
        seen.add(place)
        (count,) = struct.unpack_from(f"{order}H", content, place)
        end = place + 2 + 12 * count
        if end + 4 > len(content):
            return
        for position in range(place + 2, end, 12):
            tag, kind, number, value = struct.unpack_from(f"{order}HHII", content, position)
            inside = sizes.get(kind, 1) * number <= 4
            yield _Entry(tag, position, position + 8 if inside else value, kind, number)
        (place,) = struct.unpack_from(f"{order}I", content, end)


# Pictures


def png_chunk(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A chunk of a PNG."""
    chunks = _chunks(content_of(files, main))
    if not chunks:
        return files, "nothing"
    at = rng.randrange(len(chunks))
    name, body = chunks[at]
    act = rng.choice(("header", "header", "remove", "repeat", "swap", "bomb", "more", "more", "cut", "number"))
    if act == "header":
        at, (name, body) = 0, chunks[0]
        position, kind = rng.choice(
            ((0, ">u4"), (4, ">u4"), (8, ">u1"), (9, ">u1"), (10, ">u1"), (11, ">u1"), (12, ">u1"))
        )
        chunks[0] = name, poke(rng, body, position, kind)[0]
    elif act == "remove":
        del chunks[at]
    elif act == "repeat":
        chunks[at:at] = [chunks[at]] * rng.choice((1, 100))
    elif act == "swap":
        rng.shuffle(chunks)
    elif act == "bomb":
        chunks = [(n, bomb("zlib", 64 << 20) if n == b"IDAT" else b) for n, b in chunks]
    elif act == "more":
        chunks.insert(1, _odd_chunk(rng))
    else:
        half, other = body[: len(body) // 2], poke(rng, body, rng.randrange(len(body) + 1), ">u4")[0]
        chunks[at] = name, half if act == "cut" else other
    return replaced(files, main, _png(chunks, broken=rng.random() < 0.1)), f"{act} {name.decode('latin-1')}"


def _odd_chunk(rng: Random) -> tuple[bytes, bytes]:
    packed = b"a\0\0" + bomb("zlib", 64 << 20)
    numbers = rng.randbytes(rng.choice((0, 1, 3, 8, 26, 768, 769)))
    names = (b"PLTE", b"tRNS", b"pHYs", b"gAMA", b"sRGB", b"eXIf", b"iTXt", b"acTL", b"fcTL")
    return rng.choice(((b"zTXt", packed), (b"iCCP", packed), *((name, numbers) for name in names)))


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        found.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def _png(chunks: Sequence[tuple[bytes, bytes]], *, broken: bool) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, body in chunks:
        checksum = zlib.crc32(name + body) ^ int(broken)
        parts += [len(body).to_bytes(4, "big"), name, body, checksum.to_bytes(4, "big")]
    return b"".join(parts)


def jpeg_segment(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A segment of a JPEG before the scan."""
    content = content_of(files, main)
    places, place = [], 2
    while place + 4 < len(content) and content[place] == 0xFF and content[place + 1] != 0xDA:
        places.append(place)
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    if not places:
        return files, "nothing"
    place = rng.choice(places)
    end = place + 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    act = rng.choice(("number", "number", "number", "remove", "repeat", "Exif"))
    if act == "number":
        content, _ = poke(rng, content, rng.randrange(place + 1, max(place + 2, end)), rng.choice((">u1", ">u2")))
    elif act == "remove":
        content = content[:place] + content[end:]
    elif act == "repeat":
        content = content[:place] + content[place:end] * rng.choice((2, 1000)) + content[end:]
    else:
        inside = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0" + rng.randbytes(12)
        content = content[:2] + b"\xff\xe1" + (len(inside) + 2).to_bytes(2, "big") + inside + content[2:]
    return replaced(files, main, content), f"{act} at {place}"


def bmp_field(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """A number of a bitmap's header."""
    position, kind = rng.choice([(n, "<u4") for n in (2, 10, 14, 18, 22, 30, 34, 46, 50)] + [(26, "<u2"), (28, "<u2")])
    changed, what = poke(rng, content_of(files, main), position, kind)
    return replaced(files, main, changed), f"at {position} {what}"


# DICOM

_LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"SQ", b"UN", b"UT", b"UC", b"UR")


def dicom_element(rng: Random, files: Files, main: str) -> tuple[Files, str]:
    """An element of a data set of explicit type in little endian."""
    name = rng.choice([name for name in files if name.endswith(".dcm")] or [main])
    content = content_of(files, name)
    elements = list(_elements(content))
    if not elements:
        return files, "nothing"
    start, value, end = rng.choice(elements)
    act = rng.choice(("text", "text", "text", "numbers", "remove", "repeat", "type", "length", "tag", "nest"))
    if act == "text":
        raw = odd_text(rng).encode("utf-8", "surrogatepass")[:60_000]
        changed = _with_value(content, start, value, raw + b" " * (len(raw) % 2)) + content[end:]
    elif act in ("remove", "repeat"):
        changed = content[:start] + content[start:end] * (2 * (act == "repeat")) + content[end:]
    elif act == "type":
        changed = content[: start + 4] + rng.choice((b"SQ", b"UN", b"IS", b"FD", b"OW", b"??")) + content[start + 6 :]
    elif act == "nest":
        changed = content[:start] + _nested(rng.choice((2, 300, 3000))) + content[start:]
    else:
        length = value - (4 if content[start + 4 : start + 6] in _LONG else 2)
        place = {"numbers": value, "length": length, "tag": start}[act]
        changed, _ = poke(rng, content, place, rng.choice(("<u2", "<u2", "<u4", "<f8")))
    tag = content[start : start + 4].hex()
    return replaced(files, name, changed), f"{name}: {act} of {tag}"


def _elements(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Positions of elements, of the elements' values and ends."""
    place = 132
    while place + 12 <= len(content):
        if content[place + 4 : place + 6] in _LONG:
            value, length = place + 12, int.from_bytes(content[place + 8 : place + 12], "little")
        else:
            value, length = place + 8, int.from_bytes(content[place + 6 : place + 8], "little")
        if value + length > len(content):
            return
        yield place, value, value + length
        place = value + length


def _with_value(content: bytes, start: int, value: int, new: bytes) -> bytes:
    if content[start + 4 : start + 6] in _LONG:
        return content[: value - 4] + len(new).to_bytes(4, "little") + new
    return content[: value - 2] + (len(new) % (1 << 16)).to_bytes(2, "little") + new


def _nested(depth: int) -> bytes:
    """A sequence in a sequence in a sequence, of lengths that are not stated."""
    opened = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    return opened * depth + closed * depth


CHANGES: Mapping[str, Sequence[Change]] = {
    "NIfTI": (nifti_field, nifti_field, nifti_field, nifti_extension, nifti_bomb),
    "NRRD": (nrrd_line, nrrd_line, nrrd_line, text_bomb),
    "MetaImage": (meta_line, meta_line, meta_line, text_bomb),
    "TIFF": (tiff_tag, tiff_tag, tiff_text),
    "OME-Zarr": (json_file, json_file, json_file, chunk),
    "PNG": (png_chunk,),
    "JPEG": (jpeg_segment,),
    "BMP": (bmp_field,),
    "NumPy": (numpy_header, numpy_header, archive),
    "DICOM": (dicom_element,),
    "class tables": (json_file, label_table),
}
"""Format -> the changes for that format."""
