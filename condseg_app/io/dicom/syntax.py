"""Packing of a DICOM file's pixels: by the header, or by the pixels where the header is silent or wrong."""

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from condseg_app.errors import ReadError
from condseg_app.io.dicom.streams import StreamClaim, claim_of, first_stream
from condseg_app.io.dicom.values import Oddities

_PIXEL_ELEMENTS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
_REPRESENTATIONS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN")
_UNDEFINED = 0xFFFFFFFF
_LOSSLESS = (JPEGLossless, JPEGLosslessSV1)
_LOSSY = tuple(syntax for syntax in JPEGTransferSyntaxes if syntax not in _LOSSLESS)
_FAMILIES = (_LOSSLESS, _LOSSY, tuple(JPEGLSTransferSyntaxes), tuple(JPEG2000TransferSyntaxes), (RLELossless,))


@dataclass(frozen=True)
class PixelElement:
    """The element of a file's pixels.

    Attributes:
        keyword: 'PixelData', ...; None without pixels.
        position: of the value in the file, in bytes.
        room: bytes from the position to the end of the file.
        is_packed: whether the value is in pieces of undefined total length, as packed pixels are.
        is_implicit: whether the element lacks a value representation.
    """

    keyword: str | None
    position: int
    room: int
    is_packed: bool
    is_implicit: bool


def pixels_in(file: BinaryIO, is_little: bool) -> PixelElement:
    """Inspect the element before which reading has stopped.

    Args:
        file: at the position of the element's tag.
        is_little: whether the low byte comes first.
    """
    order, start = "<" if is_little else ">", file.tell()
    head = file.read(12).ljust(12, b"\0")
    is_implicit = head[4:6] not in _REPRESENTATIONS  # some files contradict their stated encoding
    group, element = struct.unpack_from(f"{order}HH", head)
    (length,) = struct.unpack_from(f"{order}I", head, 4 if is_implicit else 8)
    position = start + (8 if is_implicit else 12)
    room = max(0, file.seek(0, io.SEEK_END) - position)
    return PixelElement(_PIXEL_ELEMENTS.get(group << 16 | element), position, room, length == _UNDEFINED, is_implicit)


def syntax_of(data: Dataset, pixels: PixelElement, file: BinaryIO, odd: Oddities) -> tuple[UID, StreamClaim | None]:
    """Packing of the pixels, and the claim in the first frame's stream.

    Args:
        data: the elements in front of the pixels.
        pixels: the pixels' element.
        file: the file.
        odd: takes a sentence where the header is silent or wrong.

    Raises:
        ReadError: the packing is unknown.
    """
    stated = data.file_meta.get("TransferSyntaxUID") if hasattr(data, "file_meta") else None
    syntax = UID(str(stated)) if stated else None
    if syntax is not None and not syntax.is_transfer_syntax:
        raise ReadError(f"has the transfer syntax {syntax}, which is not known; save it uncompressed")
    if pixels.keyword is None or not pixels.is_packed:
        return _unpacked(syntax, data, pixels, odd), None
    if pixels.is_implicit:
        odd.append("its pixels are packed, but its elements lack value representations; they are read as implicit ones")
    claim = claim_of(first_stream(file, pixels.position))
    if syntax is not None and syntax.is_compressed and (claim is None or _go_together(syntax, claim.syntax)):
        return syntax, claim
    if claim is None:
        raise ReadError(
            "holds packed pixels, and does not say how they are packed (its Transfer Syntax UID is "
            f"{syntax or 'missing'}); save it uncompressed with the program that it comes from"
        )
    found = UID(claim.syntax)
    named = "is missing" if syntax is None else f"says {syntax.name}"
    odd.append(f"its Transfer Syntax UID {named}, but its pixels are packed as {found.name}; they are read as that")
    return found, claim


def _unpacked(syntax: UID | None, data: Dataset, pixels: PixelElement, odd: Oddities) -> UID:
    """The syntax of unpacked pixels."""
    if syntax is not None and pixels.keyword is None:
        return syntax
    is_little = data.original_encoding[1] is not False
    plain = (
        ImplicitVRLittleEndian if pixels.is_implicit else ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
    )
    if syntax is None:
        if pixels.keyword and hasattr(data, "file_meta") and len(data.file_meta):
            odd.append(f"its Transfer Syntax UID is missing; {plain.name} is taken")
        return plain
    if syntax.is_compressed:
        odd.append(
            f"its Transfer Syntax UID says {syntax.name}, but its pixels are not packed; they are read as they are"
        )
        return plain
    if syntax.is_implicit_VR != pixels.is_implicit:
        odd.append(f"its Transfer Syntax UID says {syntax.name}, but it is encoded as {plain.name}; it is read as that")
        return plain
    return syntax


def _go_together(syntax: UID, claimed: str) -> bool:
    """Whether a stream fits a transfer syntax; a syntax of unknown kind fits any stream."""
    return any(syntax in family and claimed in family for family in _FAMILIES) or not any(
        syntax in family for family in _FAMILIES
    )
