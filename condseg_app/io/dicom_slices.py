"""The image planes that a DICOM file holds: one of a classic file, many of a multi-frame one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from condseg_app.errors import ReadError
from condseg_app.io.dicom_decoders import decoder_for
from condseg_app.io.dicom_header import DicomHeader, numbers, one_number, read_header, telling

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Storage classes of segmentations: of masks, and of label maps."""

_MOST_FRAMES = 100_000
# No lossless packing of an honest image is as good; claims beyond it are bombs.
_BEST_COMPRESSION = 5000
_HEADER_BYTES = 1 << 16
_GREY = ("MONOCHROME1", "MONOCHROME2")

# What tells frames at the same place apart, the most telling first: elements, or those of a frame's functional group.
_TRAITS: Mapping[str, tuple[str, str | None]] = {
    "image type": ("ImageType", None),
    "b-value": ("DiffusionBValue", "MRDiffusionSequence"),
    "echo time": ("EchoTime", None),
    "effective echo time": ("EffectiveEchoTime", "MREchoSequence"),
    "time point": ("TemporalPositionIdentifier", None),
    "temporal position": ("TemporalPositionIndex", "FrameContentSequence"),
    "trigger time": ("TriggerTime", None),
    "acquisition": ("AcquisitionNumber", None),
    "acquisition time": ("AcquisitionTime", None),
    "instance": ("InstanceNumber", None),
}
TRAITS = tuple(_TRAITS)
"""The names of a slice's traits, in their order."""


@dataclass(frozen=True)
class SliceKind:
    """How a slice's pixels are stored.

    Attributes:
        columns: pixels of a row, I.
        rows: of them, J.
        channels: 1, or 3 of a colour picture.
        dtype: in the machine's byte order.
        bits: of an integer that are used.
        syntax: how the file is encoded.
        decoder: pydicom's name for what unpacks it, '' where it is not packed.
    """

    columns: int
    rows: int
    channels: int
    dtype: np.dtype[np.generic]
    bits: int
    syntax: UID
    decoder: str


@dataclass(frozen=True)
class DicomSeries:
    """What a series is called.

    Attributes:
        uid: its series instance UID.
        modality: 'CT', 'MR', ...
        number: within the study, as text.
        description: as the scanner or a person gave it.
    """

    uid: str
    modality: str
    number: str
    description: str


@dataclass(frozen=True)
class DicomSlice:
    """One plane of pixels; places are in mm on DICOM's axes, LPS+.

    Attributes:
        path: its file.
        frame: its number in the file, from 0.
        series: what it belongs to.
        kind: how its pixels are stored.
        position: centre of the first pixel (3,), None if it is not stated.
        orientation: direction along a row, then down a column (6,), None if it is not stated.
        spacing: distance between pixels along I and J, None if it is not stated.
        thickness: distance to the next slice as it is claimed, None if it is not stated.
        slope: a value is slope * stored + intercept.
        intercept: see slope.
        traits: what it differs in from others at the same place, in the order of `TRAITS`.
        oddities: what is odd about it, a sentence each.
    """

    path: Path
    frame: int
    series: DicomSeries
    kind: SliceKind
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    thickness: float | None
    slope: float
    intercept: float
    traits: tuple[tuple[float, str], ...]
    oddities: tuple[str, ...]

    @property
    def is_localizer(self) -> bool:
        """Whether it is a scout, from which others are planned."""
        return "LOCALIZER" in self.traits[0][1]

    @property
    def normal(self) -> NDArray[np.float64]:
        """The direction of a stack of such slices (3,), along which they are ordered."""
        directions = np.array(self.orientation or (1, 0, 0, 0, 1, 0), np.float64)
        return np.cross(directions[:3], directions[3:])


def slices_in(path: Path) -> tuple[DicomSlice, ...]:
    """Read a file's header as the planes that it holds.

    Raises:
        ReadError: it holds no image, or one of another kind, or is cut off or damaged.
    """
    header = read_header(path)
    with telling(path):
        if header.text("SOPClassUID") in SEGMENTATIONS:
            raise ReadError("is a segmentation, not an image; open the image, then this as its labels", path=path)
        return slices_of(header)


def slices_of(header: DicomHeader) -> tuple[DicomSlice, ...]:
    """The planes that a header describes.

    Raises:
        ReadError: there are no pixels, fewer than it claims, or such as are not read.
        ValueError: an element cannot be understood; AttributeError, TypeError, ... likewise.
    """
    kind = _kind(header)
    count = header.number("NumberOfFrames", 1)
    if not 1 <= count <= _MOST_FRAMES:
        raise ReadError(f"claims {count:,} frames; copy the file again", path=header.path)
    _check_size(header, kind, count)
    series = DicomSeries(
        header.text("SeriesInstanceUID"),
        header.text("Modality"),
        header.text("SeriesNumber"),
        header.text("SeriesDescription"),
    )
    oddities = _oddities(header)
    return tuple(_slice(header, places, series, kind, oddities) for places in _places(header, count))


@dataclass(frozen=True, eq=False)
class _Places:
    """Where to look up what is said of a frame: its own groups, those that all share, the file."""

    frame: int
    data: Dataset
    groups: tuple[Dataset, ...]
    offset: float = 0.0
    stated: bool = True

    def of(self, group: str) -> Dataset:
        """The group's one item; the whole file's data where it has no such group."""
        for groups in self.groups:
            items = groups.get(group)
            if items:
                return items[0]  # type: ignore[no-any-return]
        return self.data


def _places(header: DicomHeader, count: int) -> Iterator[_Places]:
    data = header.data
    own, shared = data.get("PerFrameFunctionalGroupsSequence"), data.get("SharedFunctionalGroupsSequence")
    if own and len(own) != count:
        raise ReadError(f"claims {count} frames, but describes {len(own)}; copy the file again", path=header.path)
    offsets = numbers(data, "GridFrameOffsetVector", count)
    for frame in range(count):
        groups = (*((own[frame],) if own else ()), *((shared[0],) if shared else ()))
        stated = count == 1 or bool(own) or offsets is not None
        yield _Places(frame, data, groups, offsets[frame] if offsets else 0.0, stated)


def _slice(
    header: DicomHeader, places: _Places, series: DicomSeries, kind: SliceKind, oddities: tuple[str, ...]
) -> DicomSlice:
    measures, scaling = places.of("PixelMeasuresSequence"), places.of("PixelValueTransformationSequence")
    orientation = numbers(places.of("PlaneOrientationSequence"), "ImageOrientationPatient", 6)
    position = numbers(places.of("PlanePositionSequence"), "ImagePositionPatient", 3) if places.stated else None
    if position is not None and orientation is not None and places.offset:
        normal = np.cross(orientation[:3], orientation[3:])
        position = tuple(float(p) for p in np.array(position) + places.offset * normal)
    spacing = numbers(measures, "PixelSpacing", 2) or numbers(header.data, "ImagerPixelSpacing", 2)
    slope = one_number(scaling, "RescaleSlope")
    thickness = one_number(measures, "SpacingBetweenSlices") or one_number(measures, "SliceThickness")
    return DicomSlice(
        path=header.path,
        frame=places.frame,
        series=series,
        kind=kind,
        position=position,
        orientation=None if orientation is None else _checked(orientation, header.path),
        spacing=None if spacing is None or min(spacing) <= 0 else (spacing[1], spacing[0]),
        thickness=thickness if thickness is not None and thickness > 0 else None,
        slope=1.0 if slope is None or slope == 0 else slope,
        intercept=one_number(scaling, "RescaleIntercept") or 0.0,
        traits=tuple(_trait(places, keyword, group) for keyword, group in _TRAITS.values()),
        oddities=oddities,
    )


def _checked(orientation: tuple[float, ...], path: Path) -> tuple[float, ...]:
    lengths = np.linalg.norm(np.reshape(orientation, (2, 3)), axis=1)
    if np.abs(lengths - 1).max() > 0.01:
        raise ReadError(f"its orientation {orientation} is no pair of directions; repair the header", path=path)
    return orientation


def _trait(places: _Places, keyword: str, group: str | None) -> tuple[float, str]:
    """A value that can be compared with any other of its kind: what is missing first, then numbers, then texts."""
    value = (places.data if group is None else places.of(group)).get(keyword)
    if value is None or value == "":
        return float("-inf"), ""
    try:
        return float(value), f"{float(value):g}"
    except (TypeError, ValueError):
        return 0.0, str(value)


def _kind(header: DicomHeader) -> SliceKind:
    path, photometric = header.path, header.text("PhotometricInterpretation")
    columns, rows, channels = (header.number(key, 0) for key in ("Columns", "Rows", "SamplesPerPixel"))
    if not header.text("SOPClassUID") and not rows:
        raise ReadError("is not DICOM, or its header is damaged; copy it again", path=path)
    if header.pixels is None or not rows or not columns:
        what = header.text("Modality") or "no image"
        raise ReadError(f"holds no pixels ({what}); choose the image series that it belongs to", path=path)
    if (channels or 1) not in (1, 3) or photometric.startswith("PALETTE"):
        raise ReadError(f"holds {photometric.lower()} pixels; save them as grey or as red, green, blue", path=path)
    bits = header.number("BitsAllocated", 16)
    used = min(max(1, header.number("BitsStored", bits)), bits)
    try:
        decoder = decoder_for(header.syntax)
    except ReadError as error:
        raise ReadError(error.message, path=path) from error
    return SliceKind(columns, rows, channels or 1, _dtype(header, bits), used, header.syntax, decoder)


def _dtype(header: DicomHeader, bits: int) -> np.dtype[Any]:
    if header.pixels == "FloatPixelData":
        return np.dtype(np.float32)
    if header.pixels == "DoubleFloatPixelData":
        return np.dtype(np.float64)
    if bits not in (1, 8, 16, 32):
        raise ReadError(f"stores pixels of {bits} bits, which is not read; convert it to 16", path=header.path)
    return np.dtype(f"{'i' if header.number('PixelRepresentation', 0) and bits > 1 else 'u'}{max(1, bits // 8)}")


def _check_size(header: DicomHeader, kind: SliceKind, count: int) -> None:
    pixels = kind.columns * kind.rows * kind.channels * count
    claimed = (pixels + 7) // 8 if header.number("BitsAllocated", 16) == 1 else pixels * kind.dtype.itemsize
    subsampled = 2 if header.text("PhotometricInterpretation").startswith("YBR_FULL_422") else 1
    most = header.room * _BEST_COMPRESSION + _HEADER_BYTES if kind.syntax.is_compressed else header.room * subsampled
    if claimed > most:
        raise ReadError(
            f"the file is cut off: it claims {claimed:,} bytes of pixels and has {header.room:,}; copy it again",
            path=header.path,
        )


def _oddities(header: DicomHeader) -> tuple[str, ...]:
    """What is odd about the pixels; the same for all slices of a series, as a rule."""
    found: tuple[str, ...] = ()
    if header.text("PhotometricInterpretation") == _GREY[0]:
        found += ("its low values are meant to be bright (MONOCHROME1); they are kept as they are stored",)
    if header.data.get("ModalityLUTSequence"):
        found += ("its table of intensities (Modality LUT) is not applied; they are kept as they are stored",)
    if header.text("LossyImageCompression") == "01":
        found += ("its pixels were compressed with loss",)
    if header.data.get("PixelPaddingValue") is not None:
        found += (f"pixels outside the scanned field are stored as {header.number('PixelPaddingValue', 0)}",)
    if not header.data.get("PixelSpacing") and header.data.get("ImagerPixelSpacing"):
        found += ("its pixel sizes are those on the detector; the body is smaller by the magnification",)
    return found
