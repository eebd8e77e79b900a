"""Frame headers of packed pixels: JPEG, JPEG-LS and JPEG 2000 streams."""

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
LOSSY_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit)
"""Syntaxes whose decoders give the bits of the stream, regardless of the DICOM header."""

_JPEG_2000_START = b"\xff\x4f\xff\x51"
_ITEM = struct.Struct("<HHI")
_MOST_LOOKED_AT = 1 << 16
_NEAR_LOSSLESS_AT = 7
_MIXED_AT = 8


@dataclass(frozen=True)
class StreamClaim:
    """Description of a frame's pixels in the stream.

    Attributes:
        rows: of the frame.
        columns: of the frame.
        channels: numbers of a pixel.
        bits: of a number.
        signed: whether pixels may be negative; None where the format cannot state this.
        syntax: UID of a transfer syntax that fits the stream.
        is_mixed: whether colours are transformed as in JPEG 2000, which the decoder undoes.
    """

    rows: int
    columns: int
    channels: int
    bits: int
    signed: bool | None
    syntax: str
    is_mixed: bool = False


def claim_of(packed: bytes) -> StreamClaim | None:
    """Description in the stream of a frame; None for unknown kinds of streams."""
    if packed.startswith(b"\xff\xd8"):
        return _jpeg_claim(packed)
    start = packed.find(_JPEG_2000_START)  # JP2 boxes in front may be large
    return _jpeg_2000_claim(packed[start:]) if start >= 0 else None


def first_stream(file: BinaryIO, position: int) -> bytes:
    """The start of the first frame of packed pixels.

    Args:
        file: the DICOM file.
        position: start of the pixels' value, which begins with the item of offsets.
    """
    file.seek(position)
    group, element, length = _ITEM.unpack(file.read(_ITEM.size).ljust(_ITEM.size, b"\0"))
    if (group, element) != (0xFFFE, 0xE000):
        return b""
    file.seek(position + _ITEM.size + length)
    group, element, length = _ITEM.unpack(file.read(_ITEM.size).ljust(_ITEM.size, b"\0"))
    return file.read(min(length, _MOST_LOOKED_AT)) if (group, element) == (0xFFFE, 0xE000) else b""


def _jpeg_claim(packed: bytes) -> StreamClaim | None:
    """The claim in the frame header of a JPEG or JPEG-LS stream (ITU-T T.81, B.2.2)."""
    position = 2
    while position + 10 <= len(packed):
        marker, length = packed[position + 1], int.from_bytes(packed[position + 2 : position + 4], "big")
        if marker in _JPEG_FRAME_HEADERS:
            bits, rows, columns, channels = struct.unpack_from(">BHHB", packed, position + 4)
            syntax = _JPEG_FRAME_HEADERS[marker]
            if syntax == JPEGLSLossless and _is_near_lossless(packed[position + 2 + length :]):
                syntax = JPEGLSNearLossless
            return StreamClaim(rows, columns, channels, bits, None, syntax)
        position += 2 + length
    return None


def _is_near_lossless(rest: bytes) -> bool:
    """Whether the scan header of a JPEG-LS stream allows for loss (ITU-T T.87, C.2.3)."""
    start = rest.find(b"\xff\xda")
    return start >= 0 and len(rest) > start + _NEAR_LOSSLESS_AT and rest[start + _NEAR_LOSSLESS_AT] != 0


def _jpeg_2000_claim(stream: bytes) -> StreamClaim | None:
    """The claim in a JPEG 2000 code stream's markers of size and coding (ITU-T T.800, A.5.1 and A.6.1)."""
    if len(stream) < 43:
        return None
    columns, rows, left, top = struct.unpack_from(">4I", stream, 8)
    (channels,) = struct.unpack_from(">H", stream, 40)
    precision, coding = stream[42], stream.find(b"\xff\x52", 43)
    is_mixed = 0 <= coding < len(stream) - _MIXED_AT and stream[coding + _MIXED_AT] == 1
    return StreamClaim(
        rows - top, columns - left, channels, (precision & 0x7F) + 1, bool(precision & 0x80), JPEG2000Lossless, is_mixed
    )
