"""DICOM headers: what is looked at of a file, with everything that pydicom may raise told in a sentence."""

import io
import math
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from condseg_app.errors import OutOfMemory, ReadError

# A header's element of more than this is no header's; voxels are not read here.
_MOST_ELEMENT_BYTES = 1 << 27
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pydicom, highdicom and the decoders raise for files that are damaged or lack something."""

_TAGS: tuple[str, ...] = (
    "AcquisitionNumber",
    "AcquisitionTime",
    "BitsAllocated",
    "BitsStored",
    "Columns",
    "DiffusionBValue",
    "EchoTime",
    "FrameOfReferenceUID",
    "GridFrameOffsetVector",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "ImagerPixelSpacing",
    "InstanceNumber",
    "LossyImageCompression",
    "MaximumFractionalValue",
    "Modality",
    "ModalityLUTSequence",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PhotometricInterpretation",
    "PixelPaddingValue",
    "PixelRepresentation",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SOPClassUID",
    "SOPInstanceUID",
    "SamplesPerPixel",
    "SegmentSequence",
    "SegmentationType",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SharedFunctionalGroupsSequence",
    "SliceThickness",
    "SpacingBetweenSlices",
    "TemporalPositionIdentifier",
    "TriggerTime",
)


@dataclass(frozen=True, eq=False)
class DicomHeader:
    """What a file says before its pixels.

    Attributes:
        path: the file.
        data: pydicom's data set, with the elements that are looked at here.
        syntax: how it is encoded.
        pixels: keyword of the element that holds them ('PixelData', ...), None if there is none.
        position: of the pixels in the file, in bytes.
        room: bytes from there to the end of the file.
    """

    path: Path
    data: Dataset
    syntax: UID
    pixels: str | None
    position: int
    room: int

    def text(self, keyword: str) -> str:
        """A value as text on one line, '' where there is none."""
        value = self.data.get(keyword)
        return "" if value is None else " ".join(str(value).split())

    def number(self, keyword: str, otherwise: int) -> int:
        """A whole number; `otherwise` where there is none."""
        value = self.data.get(keyword)
        return otherwise if value is None or value == "" else int(value)


_PIXEL_ELEMENTS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}


def read_header(path: Path, more: Sequence[int] = ()) -> DicomHeader:
    """Read what is looked at of a file, up to its pixels.

    Args:
        path: the file.
        more: tags to read besides those that are always looked at.

    Raises:
        ReadError: it is not DICOM, damaged, or deflated.
    """
    with telling(path), open_in_pieces(path) as file:
        tags: list[Any] = [*_TAGS, *more]
        data = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=tags)
        syntax = data.file_meta.get("TransferSyntaxUID") if hasattr(data, "file_meta") else None
        if not syntax:
            syntax = ImplicitVRLittleEndian if data.original_encoding[0] else ExplicitVRLittleEndian
        position = file.tell() + (8 if syntax.is_implicit_VR else 12)
        group, element = struct.unpack("<HH" if syntax.is_little_endian else ">HH", file.read(4).ljust(4, b"\0"))
        room = max(0, file.seek(0, io.SEEK_END) - position)
        return DicomHeader(path, data, syntax, _PIXEL_ELEMENTS.get(group << 16 | element), position, room)


def read_whole_header(path: Path) -> Dataset:
    """Read all that stands before a file's pixels, for what is made from it to refer to it.

    Raises:
        ReadError: it is damaged.
    """
    with telling(path), open_in_pieces(path) as file:
        return pydicom.dcmread(file, stop_before_pixels=True, force=True)


def numbers(data: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """So many finite numbers of an element, None where they are not there.

    Raises:
        ValueError: one is not a finite number.
    """
    value = data.get(keyword)
    if value is None or value == "":
        return None
    found = tuple(float(part) for part in (value if _is_many(value) else (value,)))
    if not all(math.isfinite(part) for part in found):
        raise ValueError(f"{keyword} is not finite")
    return found if len(found) == count else None


def one_number(data: Dataset, keyword: str) -> float | None:
    """A finite number of an element, None where there is none; ValueError where it is not finite."""
    found = numbers(data, keyword, 1)
    return None if found is None else found[0]


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn what goes wrong in pydicom or a decoder into a sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's are for programmers
            yield
    except MemoryError as error:
        raise OutOfMemory("its pixels do not fit into the memory; close other programs", path=path) from error
    except DAMAGE as error:
        if isinstance(error, OSError) and error.strerror:
            raise ReadError(f"cannot be read ({error.strerror}); check the file and its rights", path=path) from error
        raise ReadError(
            f"the DICOM file is cut off or damaged ({reason_of(error)}); copy it again", path=path
        ) from error


@contextmanager
def open_in_pieces(path: Path) -> Iterator[io.BufferedReader]:
    """A file for pydicom; ReadError where it would be read as a whole."""
    with io.FileIO(path) as raw, _InPieces(raw) as file:
        yield file


class _InPieces(io.BufferedReader):
    """Reads no more than is asked for: a deflated file, which may inflate without end, is read as a whole first."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            raise ReadError(
                "is deflated as a whole, which is not read; save it with another transfer syntax",
                path=self.raw.name,  # type: ignore[attr-defined]  # FileIO has one
            )
        if size > _MOST_ELEMENT_BYTES:
            raise ValueError("an element claims far too many bytes")
        return super().read(size)


def _is_many(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def reason_of(error: BaseException) -> str:
    """The first words of an error, to be put in brackets."""
    first = str(error).split("\n", maxsplit=1)[0].split(";", maxsplit=1)[0].strip(" .")
    return first[:120] or type(error).__name__
