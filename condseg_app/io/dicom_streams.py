"""What packed pixels claim about themselves: the frame headers of JPEG, JPEG-LS and JPEG 2000 streams."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

_JPEG_FRAME_HEADERS = {
    0xC0: JPEGBaseline8Bit,
    0xC1: JPEGExtended12Bit,
    0xC2: JPEGExtended12Bit,  # progressive
    0xC3: JPEGLosslessSV1,
    0xF7: JPEGLSLossless,
}
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_ITEM = struct.Struct("<HHI")
_MOST_LOOKED_AT = 1 << 16
_NEAR_LOSSLESS_AT = 7


@dataclass(frozen=True)
class StreamClaim:
    """What a frame's stream says of its pixels.

    Attributes:
        rows: of them.
        columns: of them.
        bits: of a pixel.
        signed: whether pixels may be below 0; None where the format cannot say.
        syntax: UID of a transfer syntax that the stream is good for.
    """

    rows: int
    columns: int
    bits: int
    signed: bool | None
    syntax: str


def claim_of(packed: bytes) -> StreamClaim | None:
    """What the stream of a frame claims; None where it is of none of the known kinds."""
    start = packed.find(_JPEG_2000_START, 0, 256)  # JP2 boxes may stand before it
    if start >= 0:
        return _jpeg_2000_claim(packed[start:])
    return _jpeg_claim(packed) if packed.startswith(b"\xff\xd8") else None


def first_stream(file: BinaryIO, position: int) -> bytes:
    """The start of the first frame of packed pixels.

    Args:
        file: the DICOM file.
        position: where the value of its pixels begins: with the item of the offsets.
    """
    file.seek(position)
    group, element, length = _ITEM.unpack(file.read(_ITEM.size).ljust(_ITEM.size, b"\0"))
    if (group, element) != (0xFFFE, 0xE000):
        return b""
    file.seek(position + _ITEM.size + length)
    group, element, length = _ITEM.unpack(file.read(_ITEM.size).ljust(_ITEM.size, b"\0"))
    return file.read(min(length, _MOST_LOOKED_AT)) if (group, element) == (0xFFFE, 0xE000) else b""


def _jpeg_claim(packed: bytes) -> StreamClaim | None:
    """Of the frame header of a JPEG or JPEG-LS stream (ITU-T T.81, B.2.2)."""
    position = 2
    while position + 9 <= len(packed):
        marker, length = packed[position + 1], int.from_bytes(packed[position + 2 : position + 4], "big")
        if marker in _JPEG_FRAME_HEADERS:
            bits, rows, columns = struct.unpack_from(">BHH", packed, position + 4)
            syntax = _JPEG_FRAME_HEADERS[marker]
            if syntax == JPEGLSLossless and _is_near_lossless(packed[position + 2 + length :]):
                syntax = JPEGLSNearLossless
            return StreamClaim(rows, columns, bits, None, syntax)
        position += 2 + length
    return None


def _is_near_lossless(rest: bytes) -> bool:
    """Whether the scan header of a JPEG-LS stream allows for loss (ITU-T T.87, C.2.3)."""
    start = rest.find(b"\xff\xda")
    return start >= 0 and len(rest) > start + _NEAR_LOSSLESS_AT and rest[start + _NEAR_LOSSLESS_AT] != 0


def _jpeg_2000_claim(stream: bytes) -> StreamClaim | None:
    """Of the size marker of a JPEG 2000 code stream (ITU-T T.800, A.5.1)."""
    if len(stream) < 43:
        return None
    columns, rows, left, top = struct.unpack_from(">4I", stream, 8)
    precision = stream[42]
    return StreamClaim(rows - top, columns - left, (precision & 0x7F) + 1, bool(precision & 0x80), JPEG2000Lossless)
