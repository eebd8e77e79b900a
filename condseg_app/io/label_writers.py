"""Label maps and masks to files, all of an export or nothing of it."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Color, Geometry, LabelMap
from condseg_app.errors import GeometryError, WriteError
from condseg_app.io.atomic import atomic_files
from condseg_app.io.class_files import itksnap_path, itksnap_text, sidecar_path, sidecar_text
from condseg_app.io.nifti import nifti_bytes

_NOT_IN_FILE_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]|^\.|[. ]$')
_TABLE_OF_MASKS = "classes.json"


def write_label_map(path: Path, labels: LabelMap, extra: Mapping[str, Any] | None = None) -> tuple[Path, ...]:
    """Write a label map with its class table beside it; returns all files written.

    Args:
        path: .nii or .nii.gz (exact affine; with an ITK-SNAP label description), or .png for 2D (palette in the
            classes' colours). A JSON sidecar holds names, values, colours and terminology.
        labels: what to write.
        extra: plain values for the sidecar: model, thresholds, ...

    Raises:
        WriteError: another ending, more than the format can hold, or the disk refuses; nothing is written.
    """
    files = label_map_files(path)
    array = labels.values.astype(np.min_scalar_type(int(labels.values.max())), copy=False)
    contents = [
        _content(path, array, labels.geometry, {e.value: e.color for e in labels.classes}),
        sidecar_text(labels.classes, extra or {}).encode(),
        itksnap_text(labels.classes).encode(),
    ]
    return _write(dict(zip(files, contents, strict=False)))


def write_binary_masks(
    folder: Path,
    masks: Mapping[str, NDArray[np.bool_]],
    geometry: Geometry,
    classes: ClassTable,
    suffix: str = ".nii.gz",
    extra: Mapping[str, Any] | None = None,
) -> tuple[Path, ...]:
    """Write one mask a class into a folder, with classes.json; returns all files written.

    Args:
        folder: made if it does not exist.
        masks: class name -> (I, J, K), written as 1 (NIfTI) or 255 (PNG) inside and 0 outside.
        geometry: the masks' grid.
        classes: their rows.
        suffix: .nii.gz, .nii, or .png for 2D.
        extra: plain values for classes.json.

    Raises:
        WriteError: another suffix, more than the format can hold, or the disk refuses; nothing is written.
        GeometryError: a mask is not on the grid.
    """
    table = classes.keeping(masks)
    paths = mask_files(folder, table, suffix)
    contents: dict[Path, bytes] = {}
    for entry, path in zip(table, paths[:-1], strict=True):
        mask = masks[entry.name]
        if mask.shape != geometry.shape:
            raise GeometryError(f"the mask of '{entry.name}' has shape {mask.shape}, its grid {geometry.shape}")
        inside = 255 if suffix.lower() == ".png" else 1
        contents[path] = _content(path, mask.astype(np.uint8) * np.uint8(inside), geometry, None)
    named = {entry.name: path.name for entry, path in zip(table, paths[:-1], strict=True)}
    contents[paths[-1]] = sidecar_text(table, {"files": named, **(extra or {})}).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be made ({error.strerror}); choose another folder", path=folder) from error
    return _write(contents)


def label_map_files(path: Path) -> tuple[Path, ...]:
    """The files that `write_label_map` writes for a path: the label map, and what lies beside it."""
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return path, sidecar_path(path), itksnap_path(path)
    return path, sidecar_path(path)


def mask_files(folder: Path, classes: ClassTable, suffix: str) -> tuple[Path, ...]:
    """The files that `write_binary_masks` writes: one for each class, in the table's order, then classes.json."""
    paths: list[Path] = []
    for entry in classes:
        path = folder / f"{_file_name(entry)}{suffix}"
        taken = {other.name.casefold() for other in paths}
        if path.name.casefold() in taken:  # 'a/b' after 'a:b', which file systems cannot tell apart
            path = folder / f"{_file_name(entry)}_{entry.value}{suffix}"
        paths.append(path)
    return (*paths, folder / _TABLE_OF_MASKS)


def _file_name(entry: ClassEntry) -> str:
    return _NOT_IN_FILE_NAMES.sub("_", entry.name)


def _content(
    path: Path, array: NDArray[np.unsignedinteger], geometry: Geometry, colors: Mapping[int, Color] | None
) -> bytes:
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        return nifti_bytes(array, geometry, packed=name.endswith(".gz"))
    if not name.endswith(".png"):
        raise WriteError("labels are written as .nii.gz, .nii or .png; choose one of these endings", path=path)
    if not geometry.is_2d:
        raise WriteError(f"a PNG holds one slice, this volume has {geometry.shape[2]}; choose .nii.gz", path=path)
    if array.dtype != np.uint8:
        raise WriteError(f"a PNG holds class values up to 255, here is {array.max()}; choose .nii.gz", path=path)
    picture = PIL.Image.fromarray(np.ascontiguousarray(array[..., 0].T))
    if colors is not None:
        picture.putpalette(_palette(colors))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _palette(colors: Mapping[int, Color]) -> bytes:
    """Background black, classes in their colours, values without a class grey."""
    palette = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    for value, color in colors.items():
        if value <= 255:
            palette[value] = color
    return palette.tobytes()


def _write(contents: Mapping[Path, bytes]) -> tuple[Path, ...]:
    paths = tuple(contents)
    with atomic_files(paths) as temporaries:
        for temporary, content in zip(temporaries, contents.values(), strict=True):
            temporary.write_bytes(content)
    return paths
