"""The image planes that a DICOM file holds: one of a classic file, many of a multi-frame one."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from condseg_app.errors import ReadError
from condseg_app.io.dicom_frames import NUCLEAR_VECTORS, Frame, frames_in
from condseg_app.io.dicom_header import DicomHeader, read_header, telling
from condseg_app.io.dicom_mosaic import Mosaic, Tile, mosaic_in
from condseg_app.io.dicom_pixels import SliceKind, check_is_whole, check_size, kind_of, pixel_oddities
from condseg_app.io.dicom_spacing import pixel_spacing
from condseg_app.io.dicom_values import Oddities, one_number, value_of

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Storage classes of segmentations: of masks, and of label maps."""

_MOST_FRAMES = 100_000

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
    """What a series is called.

    Attributes:
        uid: its series instance UID.
        modality: 'CT', 'MR', ...
        number: within the study, as text.
        description: as the scanner or a person gave it.
        patient: name or number of the patient.
        study: the study's day, '' where it is not stated.
    """

    uid: str
    modality: str
    number: str
    description: str
    patient: str = ""
    study: str = ""


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
        thickness: distance to the next slice as it is claimed, or thickness; None if neither is stated.
        apart: distance to the next slice as it is claimed, None if it is not stated.
        location: how far along the stack it is by its Slice Location, None if it is not stated.
        uid: its SOP instance UID, '' where it is not stated.
        slope: a value is slope * stored + intercept.
        intercept: see slope.
        traits: what it differs in from others at the same place, in the order of `TRAITS`.
        oddities: what is odd about it, a sentence each.
        reading: 'in time' or 'in space' where its file's frames may be either, else ''.
        tile: the part of the frame that it is, None where it is the whole.
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
        """One of the traits, by its name in `TRAITS`."""
        return self.traits[TRAITS.index(name)]

    @property
    def rank(self) -> tuple[tuple[tuple[float, str], ...], int, str]:
        """What slices at the same place are ordered by."""
        return self.traits, self.frame, str(self.path)

    @property
    def is_localizer(self) -> bool:
        """Whether it is a scout, from which others are planned."""
        return "LOCALIZER" in self.traits[0][1]

    @property
    def plane(self) -> str:
        """Which way it cuts the body: 'axial', 'coronal tilted by 20°'; '' if that is not stated."""
        if self.orientation is None:
            return ""
        across = np.abs(self.normal) / np.linalg.norm(self.normal)
        tilt = round(math.degrees(math.acos(min(1.0, across.max()))))
        name = ("sagittal", "coronal", "axial")[int(across.argmax())]
        return f"{name} tilted by {tilt}°" if tilt else name

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
    """A value that can be compared with any other of its kind: what is missing first, then numbers, then texts."""
    if value is None:
        return float("-inf"), ""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0, str(value)
    return (number, f"{number:.12g}") if math.isfinite(number) else (0.0, str(value))
