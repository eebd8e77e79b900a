"""Writing of label maps and masks to files, all of an export or nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Geometry, LabelMap
from condseg_app.data.regions import whole
from condseg_app.errors import GeometryError, WriteError
from condseg_app.io.atomic import atomic_files
from condseg_app.io.file_names import as_file_name
from condseg_app.io.formats import label_writer
from condseg_app.io.labels.parts import label_map_by_parts, label_map_files
from condseg_app.io.labels.sidecar import sidecar_path, sidecar_text
from condseg_app.io.labels.stored import LabelGrid
from condseg_app.io.nrrd.writer import masks_to_nrrd
from condseg_app.io.voxels.regions import slabs

TABLE_OF_MASKS = "classes.json"


def usual_suffix(geometry: Geometry) -> str:
    """The ending of masks where none is asked for: PNG for pictures, else NIfTI."""
    return ".png" if geometry.unit == "pixel" and geometry.is_2d else ".nii.gz"


def write_label_map(path: Path, labels: LabelMap, extra: Mapping[str, Any] | None = None) -> tuple[Path, ...]:
    """Write a label map with the class table beside; returns all files written.

    Args:
        path: as for `label_map_by_parts`.
        labels: the label map.
        extra: plain values for the sidecar: model, thresholds, ...

    Raises:
        WriteError: another ending, a label map that the format cannot hold, or a refusing disk; nothing is written.
    """
    largest = max(int(part.max()) for _, part in slabs(labels.array))
    with label_map_by_parts(path, labels.geometry, labels.classes, extra, largest) as parts:
        for where, part in slabs(labels.array):
            parts.write((slice(None), slice(None), where), part.astype(part.dtype.str, copy=False))
    return label_map_files(path)


def write_binary_masks(
    folder: Path,
    masks: Mapping[str, NDArray[np.bool_]],
    geometry: Geometry,
    classes: ClassTable,
    suffix: str = ".nii.gz",
    extra: Mapping[str, Any] | None = None,
) -> tuple[Path, ...]:
    """Write a mask for each class into a folder, with classes.json; returns all files written.

    Args:
        folder: created if missing.
        masks: class name -> (I, J, K), written as 1 (NIfTI) or 255 (PNG) inside and 0 outside.
        geometry: the masks' grid.
        classes: their rows.
        suffix: .nii.gz, .nii, .zarr, or .png for 2D.
        extra: plain values for classes.json.

    Raises:
        WriteError: another suffix, masks that the format cannot hold, or a refusing disk; nothing is written.
        GeometryError: a mask is not on the grid.
    """
    table = classes.keeping(masks)
    paths = mask_files(folder, table, suffix)
    for name, mask in masks.items():
        _check_mask(name, mask, geometry)
    inside = np.uint8(255 if suffix.lower() == ".png" else 1)
    grid = LabelGrid(geometry, np.dtype(np.uint8), None)
    named = {entry.name: path.name for entry, path in zip(table, paths[:-1], strict=True)}
    new_folder(folder)
    with atomic_files(paths) as (*temporaries, beside):
        for entry, path, temporary in zip(table, paths, temporaries, strict=False):
            with label_writer(path).codec.write_labels(path, temporary, grid) as put:
                put(whole(geometry.shape), masks[entry.name] * inside)
        beside.write_text(sidecar_text(table, {"files": named, **(extra or {})}), encoding="utf-8", newline="")
    return paths


def write_overlapping_masks(
    path: Path,
    masks: Mapping[str, NDArray[np.bool_]],
    geometry: Geometry,
    classes: ClassTable,
    extra: Mapping[str, Any] | None = None,
) -> tuple[Path, ...]:
    """Write masks that may overlap into a single file, with the class table beside; returns all files written.

    Args:
        path: ends with .seg.nrrd, 3D Slicer's segmentations, whose segments may overlap.
        masks: class name -> (I, J, K).
        geometry: the masks' grid.
        classes: their rows.
        extra: plain values for the sidecar.

    Raises:
        WriteError: another ending, or the disk refuses; nothing is written.
        GeometryError: a mask is not on the grid.
    """
    if not path.name.lower().endswith(".seg.nrrd"):
        raise WriteError("masks that overlap are written into one file as .seg.nrrd; choose this ending", path=path)
    table = classes.keeping(masks)
    for name, mask in masks.items():
        _check_mask(name, mask, geometry)
    files = path, sidecar_path(path)
    with atomic_files(files) as (temporary, beside):
        masks_to_nrrd(path, temporary, masks, geometry, table)
        beside.write_text(sidecar_text(table, extra or {}), encoding="utf-8", newline="")
    return files


def mask_files(folder: Path, classes: ClassTable, suffix: str) -> tuple[Path, ...]:
    """The files of `write_binary_masks`: one for each class, in the table's order, then classes.json."""
    paths: list[Path] = []
    for entry in classes:
        path = folder / f"{as_file_name(entry.name)}{suffix}"
        taken = {other.name.casefold() for other in paths}
        if path.name.casefold() in taken:  # 'a/b' after 'a:b', which file systems cannot tell apart
            path = folder / f"{as_file_name(entry.name)}_{entry.value}{suffix}"
        paths.append(path)
    return (*paths, folder / TABLE_OF_MASKS)


def _check_mask(name: str, mask: NDArray[np.bool_], geometry: Geometry) -> None:
    if mask.shape != geometry.shape:
        raise GeometryError(f"the mask of '{name}' has shape {mask.shape}, its grid {geometry.shape}")


def new_folder(folder: Path) -> None:
    """Make a missing folder; WriteError where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be made ({error.strerror}); choose another folder", path=folder) from error
