"""Segmentations of any format, class by class: what was exported opens again, and others' label maps do."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Geometry, Image, LabelMap, OnDemand, Pick, as_class_name, in_order
from condseg_app.errors import ClassTableError, CondsegError, ReadError
from condseg_app.io.choices import EVERYTHING
from condseg_app.io.class_files import sidecar_path
from condseg_app.io.class_tables import classes_beside
from condseg_app.io.contents import format_of
from condseg_app.io.dataset_json import read_dataset_json
from condseg_app.io.file_start import name_of
from condseg_app.io.label_maps import read_label_map
from condseg_app.io.label_placing import Placed, onto_grid
from condseg_app.io.label_writers import TABLE_OF_MASKS
from condseg_app.io.registry import Registry, read_registry
from condseg_app.io.stored_labels import StoredSegments, one_class_a_voxel

_ALIKE = 0.8
"""Of neighbours that are marked both, so many have the same value on a label map; on an image far fewer do."""
_ENOUGH_PAIRS = 1000
_NEARLY = 0.01
"""How far a label may be from a whole number by rounding."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Classes of an image, each with a mask of its own.

    Attributes:
        path: the file or folder that it was read from.
        geometry: the grid of the masks.
        classes: a row for each of them.
        masks: class name -> where it is, (I, J, K); they may overlap.
        named: whether the names are the file's own, or what lies beside it; else they are 'class 1', 'class 2', ...
        incomplete: classes of which nothing is known outside of their masks.
        warnings: what was odd, a sentence each.
        one_by_one: whether the file holds each class by itself, so that they may overlap.
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
        """The same with other names; classes that get the same name become one, those without a name are left out.

        Raises:
            ClassTableError: a name cannot be used, or none is given.
        """
        parts: dict[str, list[str]] = {}
        for old in self.classes.names:
            new = as_class_name(names.get(old, ""))
            if new:
                parts.setdefault(new, []).append(old)
        if not parts:
            raise ClassTableError("no label has a name; name at least one of them")
        rows = (replace(self.classes[olds[0]], name=new, part_of=None) for new, olds in parts.items())
        masks = OnDemand(tuple(parts), lambda new: np.logical_or.reduce([self.masks[old] for old in parts[new]]))
        return replace(self, classes=ClassTable(tuple(rows)), masks=masks, named=True)

    @property
    def in_order(self) -> list[str]:
        """The classes as they lie upon each other: wholes before their parts, else as in the table."""
        return in_order(self.classes.names, self.classes)

    @property
    def overlaps(self) -> bool:
        """Whether a voxel is of several classes that the file holds one by one."""
        if not self.one_by_one:
            return False
        seen = np.zeros(self.geometry.shape, np.bool_)
        for mask in self.masks.values():
            if (seen & mask).any():
                return True
            seen |= mask
        return False

    def label_map(self) -> LabelMap:
        """All classes in one map, a part before its whole, else a later one before an earlier one."""
        masks = ((self.classes[name], self.masks[name]) for name in self.in_order)
        values, notes = one_class_a_voxel(masks, self.geometry.shape, self.classes.value_type)
        return LabelMap(values, self.geometry, self.classes, (*self.warnings, *notes))

    def as_image(self) -> Image:
        """Its values as a grey image, to look at where the image that it belongs to is not at hand."""
        return Image(
            self.label_map().values[None], self.geometry, name_of(self.path), source=self.path, warnings=self.warnings
        )


def is_segmentation(path: Path) -> bool:
    """Whether a file or folder says itself that it holds labels, or a table of classes lies beside it.

    Raises:
        ReadError: there is no such file, or it is of no format that is read.
    """
    return _masks_of(path) is not None or classes_beside(path)[0] is not None or _of_data_set(path) is not None


def is_folder_of_masks(path: Path) -> bool:
    """Whether a folder holds one mask a class, as exports do, with the table of them."""
    return path.is_dir() and bool(_files_of(path / TABLE_OF_MASKS))


def looks_like_labels(image: Image) -> bool:
    """Whether an image that does not say so holds labels: whole numbers in patches of one value each."""
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
    """Its slices as labels are stored; a picture with a palette holds indices, of which the image knows nothing."""
    if image.geometry.is_2d and image.source is not None:
        try:
            voxels = format_of(image.source).read_labels(image.source, image.pick, None).voxels
        except CondsegError:  # JPEG, colours
            return
        yield from () if voxels.ndim != 3 else (voxels[:, :, 0],)
        return
    for k in range(image.geometry.shape[2]):
        yield np.asarray(image.array[0, :, :, k])


def read_segmentation(path: Path, image: Image | None = None, pick: Pick = EVERYTHING) -> Segmentation:
    """Read a label map, a file of segments, or a folder with one mask a class, turned onto an image's axes.

    Args:
        path: the file or folder.
        image: what it must fit; None to take it as it is.
        pick: what to take of a file that holds several label maps.

    Raises:
        ReadError: it holds no labels, or is damaged.
        GeometryError: it does not fit the image.
    """
    folder = _masks_of(path)
    if folder is not None:
        return _of_masks(folder, path, image)
    stored = format_of(path).segments_inside(path, None if image is None else image.geometry)
    if stored is not None:
        return _of_segments(path, stored, image)
    classes, _ = classes_beside(path)
    named = classes if classes is not None else _of_data_set(path)
    return _of_labels(path, read_label_map(path, image, named, pick), named=named is not None)


def _may_be_labels(values: NDArray[Any]) -> bool:
    return bool(np.isfinite(values).all() and np.abs(values - np.rint(values)).max() <= _NEARLY and values.min() >= 0)


def _of_labels(path: Path, labels: LabelMap, *, named: bool) -> Segmentation:
    """One class a voxel; rows that occur nowhere are kept of our own tables only, others may list a whole atlas."""
    record = _record_beside(path)
    counts = np.bincount(labels.values.ravel())
    present = {int(value) for value in np.flatnonzero(counts) if value}
    table = ClassTable(tuple(e for e in labels.classes if record is not None or e.value in present))
    for value in sorted(present - {entry.value for entry in table}):
        proposed = table.propose(f"class {value}")
        table = table.adding(ClassEntry(value, proposed.name, proposed.color, proposed.code))
    incomplete = frozenset() if record is None else frozenset(record.incomplete)
    whole = LabelMap(labels.array, labels.geometry, table)
    masks = OnDemand(table.names, whole.with_parts)
    return Segmentation(path, labels.geometry, table, masks, named, incomplete, labels.warnings)


def _of_segments(path: Path, stored: StoredSegments, image: Image | None) -> Segmentation:
    """Segments; what lies beside them knows more of their rows where it names the same."""
    record = _record_beside(path)
    known = {} if record is None else {entry.name: entry for entry in record.table}
    table = ClassTable(tuple(known.get(entry.name, entry) for entry in stored.classes))
    geometry = stored.geometry if image is None else image.geometry

    def placed(name: str) -> Placed:
        return onto_grid(stored.masks[name], stored.geometry, geometry, path, may_be_a_part=True)

    def mask_of(name: str) -> NDArray[np.bool_]:
        return placed(name)[0]

    notes = placed(table.names[0])[1] if len(table) else ()  # what does not fit is told at once
    warnings = (*stored.warnings, *notes)
    incomplete = frozenset() if record is None else frozenset(record.incomplete)
    masks = OnDemand(table.names, mask_of)
    return Segmentation(path, geometry, table, masks, True, incomplete, warnings, one_by_one=True)


def _of_masks(folder: Path, path: Path, image: Image | None) -> Segmentation:
    """One mask a class: all of a folder's, or the one that the path names."""
    files, record = _files_of(folder / TABLE_OF_MASKS), read_registry(folder / TABLE_OF_MASKS)
    wanted = {
        name: folder / file for name, file in files.items() if path.name not in files.values() or file == path.name
    }
    table = ClassTable(tuple(entry for entry in record.table if entry.name in wanted))
    grid, source = (None, None) if image is None else (image.geometry, image.source)
    notes: tuple[str, ...] = ()
    masks: dict[str, NDArray[np.bool_]] = {}
    for name in table.names:
        stored = format_of(wanted[name]).read_labels(wanted[name], EVERYTHING, None)
        grid = grid or stored.geometry
        masks[name], odd = onto_grid(stored.voxels != 0, stored.geometry, grid, wanted[name], picture=source)
        notes += tuple(note for note in odd if note not in notes)
    if grid is None:
        raise ReadError("names no class; export it again", path=folder / TABLE_OF_MASKS)
    incomplete = frozenset(record.incomplete)
    return Segmentation(path, grid, table, masks, True, incomplete, notes, one_by_one=True)


def _masks_of(path: Path) -> Path | None:
    """The folder with one mask a class: itself, its table's or one of its masks'; None for anything else."""
    if path.is_dir():
        return path if is_folder_of_masks(path) else None
    names = _files_of(path.parent / TABLE_OF_MASKS).values()
    return path.parent if path.name in {*names, TABLE_OF_MASKS} and names else None


def _files_of(table: Path) -> dict[str, str]:
    """Class name -> file name, as the table of a folder of masks says; none where it is no such table."""
    try:
        files = json.loads(table.read_text(encoding="utf-8-sig")).get("files")
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in files.items() if _inside(str(v))} if isinstance(files, dict) else {}


def _inside(name: str) -> bool:
    """A table that leads out of its folder is not followed."""
    return name == Path(name).name


def _record_beside(path: Path) -> Registry | None:
    """How it came about, where our own program has written it; None for others' files."""
    sidecar = sidecar_path(path)
    try:
        return read_registry(sidecar) if sidecar.is_file() else None
    except ReadError:
        return None


def _of_data_set(path: Path) -> ClassTable | None:
    """The classes of the data set whose label map it is; None where it is none, or the values mean other things."""
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
    """Files that were given together, without the tables that lie beside label maps among them."""
    tables = {sidecar_path(path) for path in paths} | {path.with_name(f"{name_of(path)}.label.txt") for path in paths}
    kept = tuple(path for path in paths if path not in tables or path.name == TABLE_OF_MASKS)
    return kept or tuple(paths)
