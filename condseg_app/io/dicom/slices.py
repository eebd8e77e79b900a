"""The image planes of a DICOM file: a single plane, or many of a multi-frame file."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from condseg_app.errors import ReadError
from condseg_app.io.dicom.frames import NUCLEAR_VECTORS, Frame, frames_in
from condseg_app.io.dicom.header import DicomHeader, read_header, telling
from condseg_app.io.dicom.mosaic import Mosaic, Tile, mosaic_in
from condseg_app.io.dicom.pixels import SliceKind, check_is_whole, check_size, kind_of, pixel_oddities
from condseg_app.io.dicom.spacing import pixel_spacing
from condseg_app.io.dicom.values import Oddities, one_number, value_of

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Storage classes of segmentations: of masks, and of label maps."""

_MOST_FRAMES = 100_000

# Differences of frames at the same place, the most telling first: elements of the file or of a functional group.
_TRAITS: Mapping[str, tuple[str, str | None]] = {
    "image type": ("ImageType", None),
    "b-value": ("DiffusionBValue", "MRDiffusionSequence"),
    "echo time": ("EchoTime", None),
    "effective echo time": ("EffectiveEchoTime", "MREchoSequence"),
    "time point": ("TemporalPositionIdentifier", None),
    "temporal position": ("TemporalPositionIndex", "FrameContentSequence"),
    "trigger time": ("TriggerTime", None),
    "acquisition": ("AcquisitionNumber", None),
    "stack": ("StackID", "FrameContentSequence"),
    "kernel": ("ConvolutionKernel", None),
    "inversion time": ("InversionTime", None),
    "flip angle": ("FlipAngle", None),
    "tube voltage": ("KVP", None),
    "thickness": ("SliceThickness", "PixelMeasuresSequence"),
    "frame time": ("FrameReferenceTime", None),
    "echo": ("EchoNumbers", None),
    "description": ("SeriesDescription", None),
    "acquisition time": ("AcquisitionTime", None),
    "content time": ("ContentTime", None),
}
_INSTANCE = "InstanceNumber"
TRAITS = (*_TRAITS, *NUCLEAR_VECTORS, "instance")
"""The names of a slice's traits, in their order."""


@dataclass(frozen=True)
class DicomSeries:
    """Names of a series.

    Attributes:
        uid: series instance UID.
        modality: 'CT', 'MR', ...
        number: within the study, as text.
        description: given by the scanner or a person.
        patient: name or number of the patient.
        study: the study's day, '' if not stated.
    """

    uid: str
    modality: str
    number: str
    description: str
    patient: str = ""
    study: str = ""


@dataclass(frozen=True)
class DicomSlice:
    """A plane of pixels; places are in mm on DICOM's axes, LPS+.

    Attributes:
        path: the file.
        frame: frame number in the file, from 0.
        series: the slice's series.
        kind: storage of the pixels.
        position: centre of the first pixel (3,), None if not stated.
        orientation: direction along a row, then down a column (6,), None if not stated.
        spacing: distance between pixels along I and J, None if not stated.
        thickness: stated distance to the next slice, else thickness; None if neither is stated.
        apart: stated distance to the next slice, None if not stated.
        location: place along the stack by the Slice Location, None if not stated.
        uid: SOP instance UID, '' if not stated.
        slope: a value is slope * stored + intercept.
        intercept: see slope.
        traits: differences from other slices at the same place, in the order of `TRAITS`.
        oddities: a sentence each.
        reading: 'in time' or 'in space' where both are possible for the file's frames, else ''.
        tile: the part of the frame that is the slice, None for a whole frame.
    """

    path: Path
    frame: int
    series: DicomSeries
    kind: SliceKind
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    thickness: float | None
    apart: float | None
    location: float | None
    uid: str
    slope: float
    intercept: float
    traits: tuple[tuple[float, str], ...]
    oddities: tuple[str, ...]
    reading: str = ""
    tile: Tile | None = None

    def trait(self, name: str) -> tuple[float, str]:
        """A trait by its name in `TRAITS`."""
        return self.traits[TRAITS.index(name)]

    @property
    def rank(self) -> tuple[tuple[tuple[float, str], ...], int, str]:
        """Sorting key of slices at the same place."""
        return self.traits, self.frame, str(self.path)

    @property
    def is_localizer(self) -> bool:
        """Whether the slice is a scout, for planning other images."""
        return "LOCALIZER" in self.traits[0][1]

    @property
    def plane(self) -> str:
        """Plane through the body: 'axial', 'coronal tilted by 20°'; '' if not stated."""
        if self.orientation is None:
            return ""
        across = np.abs(self.normal) / np.linalg.norm(self.normal)
        tilt = round(math.degrees(math.acos(min(1.0, across.max()))))
        name = ("sagittal", "coronal", "axial")[int(across.argmax())]
        return f"{name} tilted by {tilt}°" if tilt else name

    @property
    def normal(self) -> NDArray[np.float64]:
        """Direction of a stack of such slices (3,), along which slices are ordered."""
        directions = np.array(self.orientation or (1, 0, 0, 0, 1, 0), np.float64)
        return np.cross(directions[:3], directions[3:])


def slices_in(path: Path) -> tuple[DicomSlice, ...]:
    """Read the planes of a file from the header.

    Raises:
        ReadError: the file holds no image, or an image of another kind, or is cut off or damaged.
    """
    header = read_header(path)
    with telling(path):
        if header.text("SOPClassUID") in SEGMENTATIONS:
            raise ReadError("is a segmentation, not an image; open the image, then this as its labels", path=path)
        return slices_of(header)


def slices_of(header: DicomHeader) -> tuple[DicomSlice, ...]:
    """The planes that a header describes.

    Raises:
        ReadError: the pixels are missing, fewer than claimed, or not supported.
        ValueError: an element cannot be understood; AttributeError, TypeError, ... likewise.
    """
    odd: Oddities = list(header.oddities)
    kind = kind_of(header, odd)
    count = header.number("NumberOfFrames", 1) or 1  # some writers put 0 for an image that is no film
    if not 1 <= count <= _MOST_FRAMES:
        raise ReadError(f"claims {count:,} frames; copy the file again", path=header.path)
    check_is_whole(header, count)
    check_size(header, kind, count)
    odd += pixel_oddities(header)
    series = _series(header)
    mosaic = mosaic_in(header, kind.columns, kind.rows, odd)
    frames = frames_in(header, count, odd)
    slices = [_slice(header, frame, series, kind, odd) for frame in frames]
    if mosaic is not None:
        slices = [part for one in slices for part in _cut(one, mosaic, odd)]
    return tuple(replace(one, oddities=tuple(dict.fromkeys((*odd, *one.oddities)))) for one in slices)


def _series(header: DicomHeader) -> DicomSeries:
    return DicomSeries(
        header.text("SeriesInstanceUID") or "no-number",
        header.text("Modality"),
        header.text("SeriesNumber"),
        header.text("SeriesDescription"),
        header.text("PatientName") or header.text("PatientID"),
        header.text("StudyDate"),
    )


def _slice(header: DicomHeader, frame: Frame, series: DicomSeries, kind: SliceKind, odd: Oddities) -> DicomSlice:
    measures, scaling = frame.of("PixelMeasuresSequence"), frame.of("PixelValueTransformationSequence")
    spacing = pixel_spacing(header.data, measures, odd)
    slope = one_number(scaling, "RescaleSlope", odd)
    if slope is None:
        slope = one_number(header.data, "DoseGridScaling", odd)
    if slope == 0:
        odd.append("its Rescale Slope is 0, which would make all intensities equal; 1 is taken")
    apart = one_number(measures, "SpacingBetweenSlices", odd)
    thickness = apart or one_number(measures, "SliceThickness", odd)
    return DicomSlice(
        path=header.path,
        frame=frame.number,
        series=series,
        kind=kind,
        position=frame.position,
        orientation=None if frame.orientation is None else _checked(frame.orientation, header.path),
        spacing=spacing,
        thickness=abs(thickness) if thickness else None,
        apart=abs(apart) if apart else None,
        location=one_number(header.data, "SliceLocation", []),
        uid=header.text("SOPInstanceUID"),
        slope=slope or 1.0,
        intercept=one_number(scaling, "RescaleIntercept", odd) or 0.0,
        traits=_traits(header, frame),
        oddities=frame.oddities,
        reading=frame.reading,
    )


def _cut(one: DicomSlice, mosaic: Mosaic, odd: Oddities) -> Iterator[DicomSlice]:
    """The slices that lie side by side in a frame."""
    kind = replace(one.kind, columns=mosaic.columns, rows=mosaic.rows)
    if one.thickness is None:
        odd.append("its slice distance is not stated; 1 mm is taken")
    if mosaic.normal is None:
        odd.append("the order of its slices (a mosaic) is not stated; the first one may be the last")
    normal = one.normal
    if mosaic.normal is not None and np.dot(normal, mosaic.normal) < 0:
        normal = -normal
    for number, tile in enumerate(mosaic.tiles):
        position = None
        if one.position is not None and one.orientation is not None and one.spacing is not None:
            first = mosaic.position(one.position, one.orientation, one.spacing)
            position = tuple(map(float, first + number * (one.thickness or 1.0) * normal))
        yield replace(one, kind=kind, position=position, tile=tile)


def _checked(orientation: tuple[float, ...], path: Path) -> tuple[float, ...]:
    along, down = np.reshape(orientation, (2, 3))
    if np.abs(np.linalg.norm((along, down), axis=1) - 1).max() > 0.01 or abs(np.dot(along, down)) > 0.01:
        shown = ", ".join(f"{part:g}" for part in orientation)
        raise ReadError(
            f"its Image Orientation is ({shown}), which is no pair of directions; correct the header with a DICOM "
            "editor",
            path=path,
        )
    return orientation


def _traits(header: DicomHeader, frame: Frame) -> tuple[tuple[float, str], ...]:
    found = [_trait(frame.data if group is None else frame.of(group), keyword) for keyword, group in _TRAITS.values()]
    found += [_comparable(frame.vectors.get(name)) for name in NUCLEAR_VECTORS]
    return (*found, _trait(header.data, _INSTANCE))


def _trait(data: Dataset, keyword: str) -> tuple[float, str]:
    return _comparable(value_of(data, keyword))


def _comparable(value: Any) -> tuple[float, str]:
    """A value in a form that can be sorted: missing values first, then numbers, then texts."""
    if value is None:
        return float("-inf"), ""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0, str(value)
    return (number, f"{number:.12g}") if math.isfinite(number) else (0.0, str(value))
