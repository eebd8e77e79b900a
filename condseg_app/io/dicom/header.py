"""DICOM headers: the elements used here, with pydicom's errors told in a sentence."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from condseg_app.errors import OutOfMemory, ReadError
from condseg_app.io.dicom.palette import TAGS as PALETTE_TAGS
from condseg_app.io.dicom.streams import StreamClaim
from condseg_app.io.dicom.syntax import pixels_in, syntax_of
from condseg_app.io.dicom.values import DAMAGE, Oddities, value_of, whole_number

# No element of a header is larger; voxels are not read here.
_MOST_ELEMENT_BYTES = 1 << 27
_TAGS: tuple[str, ...] = (
    "AcquisitionNumber",
    "AcquisitionTime",
    "AngularViewVector",
    "BitsAllocated",
    "BitsStored",
    "CineRate",
    "Columns",
    "ContentTime",
    "ConvolutionKernel",
    "DetectorInformationSequence",
    "DetectorVector",
    "DiffusionBValue",
    "DimensionOrganizationType",
    "DoseGridScaling",
    "EchoNumbers",
    "EchoTime",
    "EnergyWindowVector",
    "FlipAngle",
    "FrameIncrementPointer",
    "FrameOfReferenceUID",
    "FrameReferenceTime",
    "FrameTime",
    "FrameTimeVector",
    "GridFrameOffsetVector",
    "HighBit",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "ImagerPixelSpacing",
    "InstanceNumber",
    "InversionTime",
    "KVP",
    "LossyImageCompression",
    "MaximumFractionalValue",
    "Modality",
    "ModalityLUTSequence",
    "NominalScannedPixelSpacing",
    "NumberOfFrames",
    "NumberOfSlices",
    "NumberOfTemporalPositions",
    "PatientID",
    "PatientName",
    "PerFrameFunctionalGroupsSequence",
    "PhaseVector",
    "PhotometricInterpretation",
    "PixelAspectRatio",
    "PixelPaddingValue",
    "PixelRepresentation",
    "PixelSpacing",
    "PlanarConfiguration",
    "RRIntervalVector",
    "RescaleIntercept",
    "RescaleSlope",
    "RotationVector",
    "Rows",
    "SOPClassUID",
    "SOPInstanceUID",
    "SamplesPerPixel",
    "SegmentSequence",
    "SegmentationType",
    "SequenceOfUltrasoundRegions",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SharedFunctionalGroupsSequence",
    "SliceLocation",
    "SliceLocationVector",
    "SliceThickness",
    "SliceVector",
    "SpacingBetweenSlices",
    "StudyDate",
    "StudyInstanceUID",
    "TemporalPositionIdentifier",
    "TimeSliceVector",
    "TimeSlotVector",
    "TotalPixelMatrixColumns",
    "TotalPixelMatrixRows",
    "TriggerTime",
    *PALETTE_TAGS,
)
# Siemens' and United Imaging's: how many slices lie side by side in a picture.
_PRIVATE_TAGS = (
    *(group << 16 | element for group in (0x0019, 0x0029, 0x0065) for element in range(0x10, 0x14)),
    *(0x0019 << 16 | block << 8 | 0x0A for block in range(0x10, 0x14)),
    *(0x0029 << 16 | block << 8 | 0x10 for block in range(0x10, 0x14)),
    *(0x0065 << 16 | block << 8 | 0x50 for block in range(0x10, 0x14)),
)


@dataclass(frozen=True, eq=False)
class DicomHeader:
    """The elements in front of a file's pixels.

    Attributes:
        path: the file.
        data: pydicom's data set, with the elements used here.
        syntax: the encoding.
        claim: of the first frame's stream; None for unpacked pixels, or packings of other kinds.
        pixels: keyword of the pixels' element ('PixelData', ...), None without pixels.
        position: of the pixels in the file, in bytes.
        room: bytes from the position to the end of the file.
        oddities: of the encoding, a sentence each.
        is_implicit: whether packed pixels follow elements without value representations, which no packing allows.
    """

    path: Path
    data: Dataset
    syntax: UID
    claim: StreamClaim | None
    pixels: str | None
    position: int
    room: int
    oddities: tuple[str, ...] = ()
    is_implicit: bool = False

    def text(self, keyword: str) -> str:
        """A value as a line of text, '' if missing."""
        value = value_of(self.data, keyword)
        return "" if value is None else " ".join(str(value).split())

    def number(self, keyword: str, otherwise: int) -> int:
        """A whole number; `otherwise` if missing.

        Raises:
            ReadError: the value is no whole number.
        """
        try:
            return whole_number(self.data, keyword, otherwise)
        except ReadError as error:
            raise ReadError(error.message, path=self.path) from error


def read_header(path: Path, more: Sequence[int] = ()) -> DicomHeader:
    """Read the elements used here, up to the pixels.

    Args:
        path: the file.
        more: tags to read besides those that are always read.

    Raises:
        ReadError: the file is not DICOM, damaged, or deflated.
    """
    with telling(path), open_in_pieces(path) as file:
        tags: list[Any] = [*_TAGS, *_PRIVATE_TAGS, *more]
        data = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=tags)
        odd: Oddities = []
        pixels = pixels_in(file, data.original_encoding[1] is not False)
        try:
            syntax, claim = syntax_of(data, pixels, file, odd)
        except ReadError as error:
            raise ReadError(error.message, path=path) from error
        implicit = pixels.is_implicit and pixels.is_packed
        where = pixels.keyword, pixels.position, pixels.room
        return DicomHeader(path, data, syntax, claim, *where, tuple(odd), implicit)


def read_whole_header(path: Path) -> Dataset:
    """Read all elements in front of the pixels, for derived files that refer to this file.

    Raises:
        ReadError: the file is damaged.
    """
    with telling(path), open_in_pieces(path) as file:
        return pydicom.dcmread(file, stop_before_pixels=True, force=True)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn errors of pydicom or a decoder into a sentence."""
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
    """A file for pydicom; ReadError where pydicom would read the whole file."""
    with io.FileIO(path) as raw, _InPieces(raw) as file:
        yield file


class _InPieces(io.BufferedReader):
    """A reader that refuses to read a whole file: pydicom does so for deflated files, which may inflate without end."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read a limited number of bytes, or raise a ReadError."""
        if size is None or size < 0:
            raise ReadError(
                "is deflated as a whole, which is not read; save it with another transfer syntax",
                path=self.raw.name,  # type: ignore[attr-defined]  # FileIO has a name
            )
        if size > _MOST_ELEMENT_BYTES:
            raise ValueError("an element claims far too many bytes")
        return super().read(size)


def reason_of(error: BaseException) -> str:
    """The first telling words of an error, to be put in brackets."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    telling = [line for line in lines if not line.endswith(":")] or lines or [""]
    first = telling[0].split(";", maxsplit=1)[0].strip(" .")
    return first[:120] or type(error).__name__
