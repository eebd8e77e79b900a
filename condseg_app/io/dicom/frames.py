"""Places of a DICOM file's frames: stated for each, by vectors, by a common distance, or unknown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from condseg_app.errors import ReadError
from condseg_app.io.dicom.header import DicomHeader
from condseg_app.io.dicom.values import Oddities, numbers, one_number, value_of

Vector = tuple[float, ...]

NUCLEAR_VECTORS: Mapping[str, str] = {
    "energy window": "EnergyWindowVector",
    "detector": "DetectorVector",
    "phase": "PhaseVector",
    "rotation": "RotationVector",
    "R-R interval": "RRIntervalVector",
    "time slot": "TimeSlotVector",
    "angular view": "AngularViewVector",
    "time slice": "TimeSliceVector",
}
"""Differences of nuclear medicine frames besides their place, with the element that has a number for each frame."""

_TIMES = ("FrameTime", "FrameTimeVector", "CineRate")
_SIZES = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_UPRIGHT: Vector = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
IN_TIME, IN_SPACE = "in time", "in space"
"""The readings of frames where a file does not state which is meant."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a file: the place, and the data sets with further elements.

    Attributes:
        number: from 0.
        data: the file's.
        groups: the frame's own functional groups and the shared groups.
        position: centre of the first pixel (3,) in LPS+ mm, None if unknown.
        orientation: direction along a row, then down a column (6,), None if unknown.
        vectors: values of nuclear medicine: 'phase' -> 2.
        reading: 'in time' or 'in space' where both are possible, else ''.
        oddities: assumptions of this reading, a sentence each.
    """

    number: int
    data: Dataset
    groups: tuple[Dataset, ...]
    position: Vector | None = None
    orientation: Vector | None = None
    vectors: Mapping[str, float] = field(default_factory=dict)
    reading: str = ""
    oddities: tuple[str, ...] = ()

    def of(self, group: str) -> Dataset:
        """The item of a functional group; the whole file's data where the frame has no such group."""
        for groups in self.groups:
            items = groups.get(group)
            if items:
                return items[0]  # type: ignore[no-any-return]
        return self.data


def frames_in(header: DicomHeader, count: int, odd: Oddities) -> list[Frame]:
    """The frames of a file; twice if points in time and slices are both possible, told apart by `reading`.

    Args:
        header: of the file.
        count: its frames.
        odd: takes a sentence on faults and assumptions.

    Raises:
        ReadError: the file describes another number of frames.
    """
    placed = [_placed(frame, odd) for frame in _frames(header, count)]
    if count == 1 or any(_says_its_place(frame) for frame in placed):
        return placed
    if _is_nuclear(header):
        return _nuclear(header, placed, odd)
    offsets = _offsets(header, placed[0], count, odd)
    if offsets is not None:
        return _along(placed, offsets, odd)
    return _by_distance(header, placed, odd)


def _frames(header: DicomHeader, count: int) -> list[Frame]:
    own = value_of(header.data, "PerFrameFunctionalGroupsSequence")
    shared = value_of(header.data, "SharedFunctionalGroupsSequence")
    if own and len(own) != count:
        raise ReadError(f"claims {count} frames, but describes {len(own)}; copy the file again", path=header.path)
    common = (shared[0],) if shared else ()
    return [Frame(number, header.data, (*((own[number],) if own else ()), *common)) for number in range(count)]


def _says_its_place(frame: Frame) -> bool:
    """Whether a frame has a place of its own, not only a shared place."""
    return len(frame.groups) > 0 and any(
        keyword in frame.groups[0] for keyword in ("PlanePositionSequence", "PlanePositionVolumeSequence")
    )


def _placed(frame: Frame, odd: Oddities) -> Frame:
    """The frame with the stated place, own or shared; places of 3D ultrasound are relative to the probe."""
    position = numbers(frame.of("PlanePositionSequence"), "ImagePositionPatient", 3, odd)
    orientation = numbers(frame.of("PlaneOrientationSequence"), "ImageOrientationPatient", 6, odd)
    if position is None and orientation is None:
        position = numbers(frame.of("PlanePositionVolumeSequence"), "ImagePositionVolume", 3, odd)
        orientation = numbers(frame.of("PlaneOrientationVolumeSequence"), "ImageOrientationVolume", 6, odd)
        if position is not None:
            odd.append("its places are those before the probe, not in the patient; left and right may be swapped")
    return replace(frame, position=position, orientation=orientation)


def _offsets(header: DicomHeader, frame: Frame, count: int, odd: Oddities) -> list[Vector] | None:
    """Offset of each frame from the first frame, by a vector of the file; None without such a vector."""
    normal = _normal(frame)
    doses = numbers(header.data, "GridFrameOffsetVector", count, odd)
    if doses is not None:
        # DICOM PS3.3, C.8.8.3.2: offsets along the normal from 0 on, or else the patient's z.
        along = normal if doses[0] == 0 else np.array([0.0, 0.0, 1.0])
        return [tuple(map(float, (depth - doses[0]) * along)) for depth in doses]
    depths = numbers(header.data, "SliceLocationVector", count, odd)
    if depths is not None and len(set(depths)) == count:
        return [tuple(map(float, (depth - depths[0]) * normal)) for depth in depths]
    return None


def _by_distance(header: DicomHeader, frames: list[Frame], odd: Oddities) -> list[Frame]:
    """Frames of known distance at most: slices, points in time, or both readings."""
    measures = frames[0].of("PixelMeasuresSequence")
    apart = one_number(measures, "SpacingBetweenSlices", odd)
    is_timed = _is_timed(header, frames)
    if not apart and not is_timed and any(value_of(measures, keyword) is not None for keyword in _SIZES):
        apart = one_number(measures, "SliceThickness", odd)
    if not apart:
        return frames
    order = _in_stack(frames)
    told = [f"where its frames lie is not stated; they are taken as slices {abs(apart):g} mm apart, in their order"]
    slices = _along(frames, _steps(frames[0], apart, order or range(len(frames))), told)
    if is_timed:
        return [replace(frame, reading=IN_TIME) for frame in frames] + [
            replace(frame, reading=IN_SPACE, oddities=tuple(told)) for frame in slices
        ]
    odd += told
    return slices


def _is_timed(header: DicomHeader, frames: list[Frame]) -> bool:
    """Whether times are stated for frames, in the file or in functional groups."""
    if any(value_of(header.data, keyword) is not None for keyword in _TIMES):
        return True
    points = {value_of(frame.of("FrameContentSequence"), "TemporalPositionIndex") for frame in frames}
    return len(points) > 1


def _is_nuclear(header: DicomHeader) -> bool:
    """Whether frames are described as those of nuclear medicine."""
    elements = ("DetectorInformationSequence", "SliceVector", "DetectorVector")
    return header.text("Modality") == "NM" or any(value_of(header.data, keyword) for keyword in elements)


def _in_stack(frames: list[Frame]) -> list[float] | None:
    """Place of each frame in the stack, from 0; None where frames lack a place."""
    found = [one_number(frame.of("FrameContentSequence"), "InStackPositionNumber", []) for frame in frames]
    places = [place for place in found if place is not None]
    return [place - min(places) for place in places] if len(places) == len(frames) and len(set(places)) > 1 else None


def _nuclear(header: DicomHeader, frames: list[Frame], odd: Oddities) -> list[Frame]:
    """Frames of nuclear medicine: slices where they were reconstructed (DICOM PS3.3, C.8.4.15), else views."""
    data, count = header.data, len(frames)
    found = {name: numbers(data, keyword, count, odd) for name, keyword in NUCLEAR_VECTORS.items()}
    vectors = {name: values for name, values in found.items() if values and len(set(values)) > 1}
    detectors = value_of(data, "DetectorInformationSequence")
    if detectors:
        frames = [_at_detector(frame, detectors[0], odd) for frame in frames]
    frames = [
        replace(frame, vectors={name: values[frame.number] for name, values in vectors.items()}) for frame in frames
    ]
    places = numbers(data, "SliceVector", count, odd)
    if places is None and "RECON" not in header.text("ImageType"):
        return frames
    apart = one_number(data, "SpacingBetweenSlices", odd) or one_number(data, "SliceThickness", odd)
    if not apart:
        odd.append("its slice distance is not stated; 1 mm is taken")
    if places is None:
        slices = header.number("NumberOfSlices", count)
        places = tuple(float(n % slices) for n in range(count)) if slices > 0 and count % slices == 0 else None
    depths = range(count) if places is None else [place - min(places) for place in places]
    return _along(frames, _steps(frames[0], apart or 1.0, depths), odd)


def _at_detector(frame: Frame, detector: Dataset, odd: Oddities) -> Frame:
    return replace(
        frame,
        position=frame.position or numbers(detector, "ImagePositionPatient", 3, odd),
        orientation=frame.orientation or numbers(detector, "ImageOrientationPatient", 6, odd),
    )


def _steps(frame: Frame, apart: float, depths: Iterable[float]) -> list[Vector]:
    """Offsets of frames by multiples of a distance along the normal; a negative distance goes against the normal."""
    return [tuple(map(float, depth * apart * _normal(frame))) for depth in depths]


def _along(frames: Sequence[Frame], offsets: Sequence[Vector], odd: Oddities) -> list[Frame]:
    """Frames at offsets from their common place."""
    base, orientation = frames[0].position, frames[0].orientation
    if base is None or orientation is None:
        odd.append("its orientation is not stated; left and right may be swapped")
    return [
        replace(
            frame,
            position=tuple(a + b for a, b in zip(base or (0.0, 0.0, 0.0), offset, strict=True)),
            orientation=orientation or _UPRIGHT,
        )
        for frame, offset in zip(frames, offsets, strict=True)
    ]


def _normal(frame: Frame) -> NDArray[np.float64]:
    directions = np.array(frame.orientation or _UPRIGHT, np.float64)
    return np.cross(directions[:3], directions[3:])
