"""Segmentations of any format, class by class: exports and others' label maps open as well."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import (
    ClassId,
    ClassTable,
    Geometry,
    Image,
    LabelMap,
    OnDemand,
    Pick,
    as_class_name,
    in_order,
    values_present,
)
from condseg_app.errors import ClassTableError, CondsegError, ReadError
from condseg_app.io.choices import EVERYTHING
from condseg_app.io.contents import format_of
from condseg_app.io.data_sets.dataset_json import read_dataset_json
from condseg_app.io.exports.provenance import Registry, read_registry
from condseg_app.io.file_start import name_of
from condseg_app.io.labels.placing import Placed, onto_grid
from condseg_app.io.labels.reader import read_label_map
from condseg_app.io.labels.sidecar import sidecar_path
from condseg_app.io.labels.stored import StoredSegments, one_class_a_voxel
from condseg_app.io.labels.tables import classes_beside
from condseg_app.io.labels.writer import TABLE_OF_MASKS

_ALIKE = 0.8
"""Least share of equal values among labelled neighbours of a label map; images have far fewer."""
_ENOUGH_PAIRS = 1000
_NEARLY = 0.01
"""Largest distance of a label from a whole number through rounding."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Classes of an image, each with a separate mask.

    Attributes:
        path: the file or folder.
        geometry: the grid of the masks.
        classes: a row for each mask.
        masks: class name -> (I, J, K) mask; overlaps allowed.
        named: whether names come from the file or from files beside; otherwise 'class 1', 'class 2', ...
        incomplete: classes that are unknown outside of their masks.
        warnings: a sentence each.
        one_by_one: whether the file holds each class separately, so that overlaps are possible.
    """

    path: Path
    geometry: Geometry
    classes: ClassTable
    masks: Mapping[str, NDArray[np.bool_]]
    named: bool
    incomplete: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    one_by_one: bool = False

    def renamed(self, names: Mapping[str, str]) -> "Segmentation":
        """The same with other names; classes of equal names are merged, classes without a name left out.

        A class that the file itself names keeps its id.

        Raises:
            ClassTableError: an unusable name, or no name at all.
        """
        parts: dict[str, list[str]] = {}
        for old in self.classes.names:
            new = as_class_name(names.get(old, ""))
            if new:
                parts.setdefault(new, []).append(old)
        if not parts:
            raise ClassTableError("no label has a name; name at least one of them")
        firsts = {new: self.classes[olds[0]] for new, olds in parts.items()}
        own = {new: entry.id if self.named else ClassId("") for new, entry in firsts.items()}
        rows = (replace(entry, name=new, part_of=None, id=own[new]) for new, entry in firsts.items())
        masks = OnDemand(tuple(parts), lambda new: np.logical_or.reduce([self.masks[old] for old in parts[new]]))
        return replace(self, classes=ClassTable(tuple(rows)), masks=masks, named=True)

    @property
    def in_order(self) -> list[str]:
        """The classes in drawing order: wholes before their parts, else as in the table."""
        return in_order(self.classes.names, self.classes)

    @property
    def overlaps(self) -> bool:
        """Whether any voxel has several classes that the file holds separately."""
        if not self.one_by_one:
            return False
        seen = np.zeros(self.geometry.shape, np.bool_)
        for mask in self.masks.values():
            if (seen & mask).any():
                return True
            seen |= mask
        return False

    def label_map(self) -> LabelMap:
        """All classes in a single map, a part before the whole, else a later class before an earlier class."""
        masks = ((self.classes[name], self.masks[name]) for name in self.in_order)
        values, notes = one_class_a_voxel(masks, self.geometry.shape, self.classes.value_type)
        return LabelMap(values, self.geometry, self.classes, (*self.warnings, *notes))

    def as_image(self) -> Image:
        """The label map as a grey image, for viewing without the original image."""
        return Image(
            self.label_map().values[None], self.geometry, name_of(self.path), source=self.path, warnings=self.warnings
        )


def is_segmentation(path: Path) -> bool:
    """Whether a file or folder says that it holds labels, or has a class table beside it.

    Raises:
        ReadError: no such file, or an unsupported format.
    """
    return _masks_of(path) is not None or classes_beside(path)[0] is not None or _of_data_set(path) is not None


def is_folder_of_masks(path: Path) -> bool:
    """Whether a folder holds a mask for each class, with their table, as exports do."""
    return path.is_dir() and bool(_files_of(path / TABLE_OF_MASKS))


def looks_like_labels(image: Image) -> bool:
    """Whether an undeclared image holds labels: whole numbers in uniform patches."""
    if len(image.channels) > 1 and not (image.geometry.is_2d and image.source is not None):
        return False
    alike = pairs = 0
    for plane in _planes(image):
        if not _may_be_labels(plane):
            return False
        values = np.rint(plane)
        for near, next_ in ((values[:-1], values[1:]), (values[:, :-1], values[:, 1:])):
            both = (near != 0) & (next_ != 0)
            pairs += int(np.count_nonzero(both))
            alike += int(np.count_nonzero(both & (near == next_)))
        if pairs > _ENOUGH_PAIRS and alike < _ALIKE * pairs:
            return False
    return pairs > 0 and alike >= _ALIKE * pairs


def _planes(image: Image) -> Iterator[NDArray[Any]]:
    """Slices in label storage form; a picture with a palette holds indices, which the image lacks."""
    if image.geometry.is_2d and image.source is not None:
        try:
            voxels = format_of(image.source).codec.read_labels(image.source, image.pick, None).voxels
        except CondsegError:  # JPEG, colours
            return
        yield from () if voxels.ndim != 3 else (voxels[:, :, 0],)
        return
    for k in range(image.geometry.shape[2]):
        yield np.asarray(image.array[0, :, :, k])


def read_segmentation(path: Path, image: Image | None = None, pick: Pick = EVERYTHING) -> Segmentation:
    """Read a label map, a file of segments, or a folder with a mask for each class, turned onto an image's axes.

    Args:
        path: the file or folder.
        image: the image to fit; None to keep the file's grid.
        pick: which label map of a file that holds several.

    Raises:
        ReadError: no labels, or damage.
        GeometryError: the labels do not fit the image.
    """
    folder = _masks_of(path)
    if folder is not None:
        return _of_masks(folder, path, image)
    stored = format_of(path).codec.segments_inside(path, None if image is None else image.geometry)
    if stored is not None:
        return _of_segments(path, stored, image)
    classes, _ = classes_beside(path)
    named = classes if classes is not None else _of_data_set(path)
    labels, record = read_label_map(path, image, named, pick), _record_beside(path)
    return of_label_map(path, labels, named=named is not None, record=record)


def _may_be_labels(values: NDArray[Any]) -> bool:
    return bool(np.isfinite(values).all() and np.abs(values - np.rint(values)).max() <= _NEARLY and values.min() >= 0)


def of_label_map(path: Path, labels: LabelMap, *, named: bool, record: Registry | None = None) -> Segmentation:
    """A label map as a segmentation: a class for each value.

    Unused rows are kept in CondSeg's tables only, as other tables may list a whole atlas.

    Args:
        path: the file, or the name of what else holds the labels.
        labels: the label map.
        named: whether the rows have names of their own.
        record: of CondSeg's own export.
    """
    present = set(values_present(labels.values))
    table = ClassTable(tuple(e for e in labels.classes if record is not None or e.value in present))
    for value in sorted(present - {entry.value for entry in table}):
        table = table.adding(table.propose(f"class {value}", value=value))
    incomplete = frozenset() if record is None else frozenset(record.incomplete)
    whole = LabelMap(labels.array, labels.geometry, table)
    masks = OnDemand(table.names, whole.with_parts)
    return Segmentation(path, labels.geometry, table, masks, named, incomplete, labels.warnings)


def _of_segments(path: Path, stored: StoredSegments, image: Image | None) -> Segmentation:
    """Segments; files beside them supply further row details for equal names."""
    record = _record_beside(path)
    known = {} if record is None else {entry.name: entry for entry in record.classes}
    table = ClassTable(tuple(known.get(entry.name, entry) for entry in stored.classes))
    geometry = stored.geometry if image is None else image.geometry

    def placed(name: str) -> Placed:
        return onto_grid(stored.masks[name], stored.geometry, geometry, path, may_be_a_part=True)

    def mask_of(name: str) -> NDArray[np.bool_]:
        return placed(name)[0]

    notes = placed(table.names[0])[1] if len(table) else ()  # a misfit is reported at once
    warnings = (*stored.warnings, *notes)
    incomplete = frozenset() if record is None else frozenset(record.incomplete)
    masks = OnDemand(table.names, mask_of)
    return Segmentation(path, geometry, table, masks, True, incomplete, warnings, one_by_one=True)


def _of_masks(folder: Path, path: Path, image: Image | None) -> Segmentation:
    """A mask for each class: all of a folder's, or only the mask that the path names."""
    files, record = _files_of(folder / TABLE_OF_MASKS), read_registry(folder / TABLE_OF_MASKS)
    wanted = {
        name: folder / file for name, file in files.items() if path.name not in files.values() or file == path.name
    }
    table = ClassTable(tuple(entry for entry in record.classes if entry.name in wanted))
    grid, source = (None, None) if image is None else (image.geometry, image.source)
    notes: tuple[str, ...] = ()
    masks: dict[str, NDArray[np.bool_]] = {}
    for name in table.names:
        stored = format_of(wanted[name]).codec.read_labels(wanted[name], EVERYTHING, None)
        grid = grid or stored.geometry
        masks[name], odd = onto_grid(stored.voxels != 0, stored.geometry, grid, wanted[name], picture=source)
        notes += tuple(note for note in odd if note not in notes)
    if grid is None:
        raise ReadError("names no class; export it again", path=folder / TABLE_OF_MASKS)
    incomplete = frozenset(record.incomplete)
    return Segmentation(path, grid, table, masks, True, incomplete, notes, one_by_one=True)


def _masks_of(path: Path) -> Path | None:
    """The folder of masks of a path: a folder, a table or a mask; None for anything else."""
    if path.is_dir():
        return path if is_folder_of_masks(path) else None
    names = _files_of(path.parent / TABLE_OF_MASKS).values()
    return path.parent if path.name in {*names, TABLE_OF_MASKS} and names else None


def _files_of(table: Path) -> dict[str, str]:
    """Class name -> file name, from the table of a folder of masks; empty for other files."""
    try:
        files = json.loads(table.read_text(encoding="utf-8-sig")).get("files")
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in files.items() if _inside(str(v))} if isinstance(files, dict) else {}


def _inside(name: str) -> bool:
    """Whether a table's file name stays inside the folder; other names are not followed."""
    return name == Path(name).name


def _record_beside(path: Path) -> Registry | None:
    """The record of CondSeg's own exports; None for others' files."""
    sidecar = sidecar_path(path)
    try:
        return read_registry(sidecar) if sidecar.is_file() else None
    except ReadError:
        return None


def _of_data_set(path: Path) -> ClassTable | None:
    """The class table of the data set around a label map; None without a data set, or if values have other meanings."""
    if not path.parent.name.lower().startswith("label"):
        return None
    try:
        described = read_dataset_json(path.parent.parent)
        coding = described.coding()
        plain = described.names_classes and not coding.values and coding.ignored is None
        return described.classes() if plain else None
    except (CondsegError, TypeError, ValueError, KeyError, AttributeError):
        return None


def sorted_out(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Files given together, without the tables beside label maps among them."""
    tables = {sidecar_path(path) for path in paths} | {path.with_name(f"{name_of(path)}.label.txt") for path in paths}
    kept = tuple(path for path in paths if path not in tables or path.name == TABLE_OF_MASKS)
    return kept or tuple(paths)
