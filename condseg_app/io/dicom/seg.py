"""DICOM segmentations: masks with their classes and places."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from highdicom.color import CIELabColor
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from pydicom.dataset import Dataset

from condseg_app.data import AxisMap, ClassEntry, ClassTable, Geometry, as_class_name
from condseg_app.errors import ClassTableError, GeometryError, ReadError
from condseg_app.io.dicom.files import dicom_files
from condseg_app.io.dicom.grid import grid_of
from condseg_app.io.dicom.header import DicomHeader, read_header, telling
from condseg_app.io.dicom.slices import SEGMENTATIONS, DicomSlice, slices_of
from condseg_app.io.dicom.voxels import decoded
from condseg_app.io.file_start import reading
from condseg_app.io.labels.stored import StoredLabels, StoredSegments, one_class_a_voxel
from condseg_app.memory import require_memory

PRIVATE_GROUP, PRIVATE_CREATOR, PRIVATE_ELEMENT = 0x0077, "CondSeg", 0x01
"""The private element of the class table as JSON: DICOM numbers segments from 1, regardless of class values."""
OWN_SCHEME = "99CONDSEG"
"""Coding scheme of classes that have no code of a terminology."""

_BLOCK = (PRIVATE_GROUP << 16 | 0x10, PRIVATE_GROUP << 16 | 0x1000 | PRIVATE_ELEMENT)
_MOST_SLICES = 1 << 16
_LONGEST_LABEL = 64
# Largest distance of a frame's corner from the image's grid, in voxels.
_OFF = 0.05
_HALF = 0.5


def read_dicom_seg(path: Path, image: Geometry | None = None) -> StoredSegments:
    """Read the segments of a file; missing frames are empty.

    Without condseg's own class table in the file a segment's number is the class value.

    Args:
        path: the DICOM SEG file: binary, fractional (half and more counts as inside), or a label map.
        image: the grid of the frames, as a rule the source's; None for the smallest grid that holds all frames.

    Raises:
        ReadError: the file is no segmentation, or damaged.
        GeometryError: the frames do not lie on the image's grid.
        OutOfMemory: the masks do not fit.
    """
    header = read_header(dicom_files(path).files[0], _BLOCK)
    with telling(path):
        if header.text("SOPClassUID") not in SEGMENTATIONS:
            raise ReadError("is no DICOM segmentation; choose a file of modality SEG", path=path)
        frames = slices_of(header)
        numbers = _segment_numbers(header, len(frames))
        classes, notes = _classes(header)
        most = header.number("MaximumFractionalValue", 1) if header.text("SegmentationType") == "FRACTIONAL" else None
    own = _own_grid(frames, path)
    axes = None if image is None else AxisMap.between(image, own.orientation)
    grid = own if axes is None or image is None else axes.geometry(image)
    slots = [_slot(frame, grid, path) for frame in frames]
    require_memory(len(classes) * int(np.prod(grid.shape)), path)
    masks = {number: np.zeros(grid.shape, np.bool_) for number in classes}
    for stored, slot, number in zip(_stored(header, frames), slots, numbers, strict=True):
        for segment in masks.keys() & (set(np.unique(stored).tolist()) if number is None else {number}):
            inside = stored == segment if number is None else stored >= (1 if most is None else most * _HALF)
            masks[segment][..., slot] |= inside
    if most is not None:
        notes += ("it holds fractions; half and more is taken as inside",)
    turned: dict[str, NDArray[np.bool_]] = {
        classes[number].name: mask if axes is None else axes.undo(mask).astype(np.bool_, copy=False)
        for number, mask in masks.items()
    }
    return StoredSegments(turned, grid if image is None else image, ClassTable(tuple(classes.values())), notes)


def is_dicom_seg(path: Path) -> bool:
    """Whether a DICOM file is a segmentation; ReadError if damaged."""
    with telling(path):
        return path.is_file() and read_header(path).text("SOPClassUID") in SEGMENTATIONS


def labels_in_dicom(path: Path, image: Geometry | None) -> StoredLabels:
    """A segmentation with a single class per voxel; of overlapping segments the later is taken, with a warning.

    Raises:
        ReadError, GeometryError, OutOfMemory: as `read_dicom_seg`.
    """
    found = read_dicom_seg(path, image)
    masks = ((entry, found.masks[entry.name]) for entry in found.classes)
    values, notes = one_class_a_voxel(masks, found.geometry.shape, np.dtype(found.classes.value_type))
    return StoredLabels(values, found.geometry, (*found.warnings, *notes))


def classes_in_dicom(path: Path) -> ClassTable:
    """The segments of a segmentation as a class table.

    Raises:
        ReadError: the file is damaged.
    """
    with telling(path):
        return ClassTable(tuple(_classes(read_header(path, _BLOCK))[0].values()))


def segment_label(name: str) -> str:
    """A class's name as a segment's label, which is a short line."""
    plain = "".join(character if character.isprintable() and character != "\\" else " " for character in name)
    return plain[:_LONGEST_LABEL].strip()


def _stored(header: DicomHeader, frames: Sequence[DicomSlice]) -> Iterator[NDArray[Any]]:
    """The numbers of each frame, (I, J).

    Single bits are unpacked here: a frame may begin within a byte, which pydicom does not expect.
    """
    if header.syntax.is_compressed or header.number("BitsAllocated", 1) != 1:
        yield from (stored[0] for _, stored in decoded(frames))
        return
    columns, rows = frames[0].kind.columns, frames[0].kind.rows
    with reading(header.path), header.path.open("rb") as file:
        for frame in frames:
            start, skipped = divmod(frame.frame * columns * rows, 8)
            file.seek(header.position + start)
            packed = np.frombuffer(file.read((skipped + columns * rows + 7) // 8), np.uint8)
            bits = np.unpackbits(packed, bitorder="little")[skipped : skipped + columns * rows]
            if bits.size < columns * rows:
                raise ReadError(f"ends before its frame {frame.frame}; copy it again", path=header.path)
            yield bits.reshape(rows, columns).T


def _segment_numbers(header: DicomHeader, count: int) -> list[int | None]:
    """The segment of each frame; None for all frames of a label map, whose pixels are the numbers."""
    if header.text("SegmentationType") == "LABELMAP":
        return [None] * count
    own = header.data.get("PerFrameFunctionalGroupsSequence") or [Dataset()] * count
    shared = (header.data.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    found: list[int | None] = []
    for groups in own:
        items = groups.get("SegmentIdentificationSequence") or shared.get("SegmentIdentificationSequence")
        if not items:
            raise ReadError("does not say which segment its frames show; export it again", path=header.path)
        found.append(int(items[0].ReferencedSegmentNumber))
    return found


def _classes(header: DicomHeader) -> tuple[dict[int, ClassEntry], tuple[str, ...]]:
    """The class of each segment number."""
    segments = header.data.get("SegmentSequence") or []
    table, found = ClassTable(), {}
    try:
        known, notes = _known(header)
        for segment in segments:
            number, label = int(segment.SegmentNumber), as_class_name(str(segment.get("SegmentLabel") or ""))
            if not number:  # a label map's background
                continue
            entry = known.get(number)
            if entry is None or as_class_name(segment_label(entry.name)) != label:
                entry = _entry(table, number, label, segment)
            table = table.adding(entry)
            found[number] = entry
    except ClassTableError as error:
        raise ReadError(f"its segments make no class table: {error.message}", path=header.path) from error
    if not found:
        raise ReadError("describes no segment; export it again", path=header.path)
    return found, notes


def _known(header: DicomHeader) -> tuple[dict[int, ClassEntry], tuple[str, ...]]:
    """The class table's rows written by condseg, by segment number."""
    element = header.data.get(_BLOCK[1])
    creator = header.data.get(_BLOCK[0])
    if element is None or creator is None or str(creator.value) != PRIVATE_CREATOR:
        return {}, ()
    try:
        value = element.value
        content = json.loads(value.decode() if isinstance(value, bytes) else str(value))
        rows = {row.name: row for row in TypeAdapter(list[ClassEntry]).validate_python(content["classes"])}
        return {number: rows[name] for number, name in enumerate(content["segments"], 1)}, ()
    except (ValueError, TypeError, KeyError, ValidationError):
        return {}, ("its own class table cannot be used; names are those of its segments",)


def _entry(table: ClassTable, number: int, label: str, segment: Dataset) -> ClassEntry:
    kinds = segment.get("SegmentedPropertyTypeCodeSequence")
    kind = kinds[0] if kinds else Dataset()
    scheme, code = str(kind.get("CodingSchemeDesignator") or ""), str(kind.get("CodeValue") or "")
    name = label or as_class_name(str(kind.get("CodeMeaning") or "")) or f"segment {number}"
    if name.casefold() in {other.name.casefold() for other in table}:
        name = f"{name} {number}"
    terminology = f"{scheme}:{code}" if scheme and code and scheme != OWN_SCHEME else None
    return replace(table.propose(name, _color(segment), number), terminology=terminology)


def _color(segment: Dataset) -> tuple[int, int, int] | None:
    lab: Any = segment.get("RecommendedDisplayCIELabValue")
    if not lab or len(lab) != 3:
        return None
    red, green, blue = CIELabColor.from_dicom_value(tuple(int(part) for part in lab)).to_rgb()
    return red, green, blue


def _own_grid(frames: Sequence[DicomSlice], path: Path) -> Geometry:
    """The smallest even grid that holds all frames."""
    if any(frame.position is None or frame.orientation is None for frame in frames):
        raise GeometryError("does not say where its frames lie; export it again", path=path)
    normal = frames[0].normal
    depths, first_of = np.unique([np.dot(frame.position or (), normal) for frame in frames], return_index=True)
    gaps = np.diff(depths)
    gaps = gaps[gaps > 1e-3]
    span = float(depths[-1] - depths[0])
    step = float(gaps.min()) if gaps.size else 1.0
    claimed = frames[0].thickness
    if claimed is not None and np.allclose(gaps / claimed, np.rint(gaps / claimed), atol=0.01):
        step = claimed
    last = round(span / step)
    if last >= _MOST_SLICES:
        raise GeometryError(f"its frames are spread over {last + 1:,} slices; export it again", path=path)
    return grid_of(frames[first_of[0]], frames[first_of[-1]], last, path)[0]


def _slot(frame: DicomSlice, grid: Geometry, path: Path) -> int:
    """The slice K of a grid that a frame covers."""
    kind = frame.kind
    single, _ = grid_of(frame, frame, 0, path)
    corners = np.array([[0, 0, 0, 1], [kind.columns - 1, 0, 0, 1], [0, kind.rows - 1, 0, 1]], np.float64)
    voxels = (np.linalg.inv(grid.affine) @ single.affine @ corners.T).T[:, :3]
    slot = int(np.rint(voxels[0, 2]))
    expected = corners[:, :3] + [0, 0, slot]
    fits = (kind.columns, kind.rows) == grid.shape[:2] and 0 <= slot < grid.shape[2]
    if not fits or np.abs(voxels - expected).max() > _OFF:
        raise GeometryError(
            "its frames do not lie on the image's voxels; open the image that it was made of", path=path
        )
    return slot
