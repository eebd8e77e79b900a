"""Label maps and masks: reading them onto an image, and writing them so that they fit it to the voxel."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from condseg_app import __version__
from condseg_app.data import AxisMap, ClassEntry, ClassTable, Geometry, Image, LabelMap
from condseg_app.errors import ClassTableError, GeometryError, ReadError, WriteError
from condseg_app.io import nifti, pictures
from condseg_app.io.atomic import atomic_write
from condseg_app.io.images import is_nifti, read_image

_SCHEMA = "condseg-classes"


def read_label_map(path: Path, image: Image | None = None, classes: ClassTable | None = None) -> LabelMap:
    """Read a label map, turned onto the image's axes where both cover the same voxels.

    Args:
        path: NIfTI, or a grey or palette picture.
        image: what it must fit; None to take it as it is.
        classes: what its values mean; None to take the names that lie beside it, or 'class 1', 'class 2', ...

    Raises:
        ReadError: it does not hold whole numbers from 0 to 65535.
        GeometryError: it does not fit the image.
    """
    values, geometry = _read_numbers(path)
    labels = _as_labels(values, path)
    if image is not None:
        labels, geometry = _onto(labels, geometry, image.geometry, path)
    table = classes if classes is not None else read_classes_beside(path) or _unnamed(labels)
    return LabelMap(labels, geometry, table)


def read_binary_mask(path: Path, image: Image) -> NDArray[np.bool_]:
    """Read one class's mask (I, J, K): whatever is not zero is the class.

    Raises:
        ReadError: no voxel is marked.
        GeometryError: it does not fit the image.
    """
    if is_nifti(path):
        values, geometry = _read_numbers(path)
    else:
        pixels = pictures.read_pixels(path)
        values = np.asarray(pictures.to_voxels(pixels).any(axis=0))
        geometry = Geometry.of_picture(values.shape[0], values.shape[1])
    mask, _ = _onto(values != 0, geometry, image.geometry, path)
    if not mask.any():
        raise ReadError("marks no voxel of its class; remove it, or mark the class", path=path)
    return mask


def read_classes_beside(path: Path) -> ClassTable | None:
    """The class table of the JSON sidecar or the ITK-SNAP label description beside a label map, if any."""
    stem = path.parent / nifti.name_of(path) if is_nifti(path) else path.with_suffix("")
    sidecar = stem.with_name(stem.name + ".json")
    if sidecar.exists():
        return _classes_of_sidecar(sidecar)
    description = stem.with_name(stem.name + ".label.txt")
    return read_itksnap_labels(description) if description.exists() else None


def write_label_map(path: Path, labels: LabelMap, extra: Mapping[str, Any] | None = None) -> tuple[Path, ...]:
    """Write a label map with its class table beside it; returns all files written.

    Args:
        path: .nii or .nii.gz (exact affine; with an ITK-SNAP label description), or .png for 2D (palette in the
            classes' colours). A JSON sidecar holds names, values, colours and terminology.
        labels: what to write.
        extra: plain values for the sidecar: model, thresholds, ...

    Raises:
        WriteError: another ending, or more than the format can hold.
    """
    stem = path.parent / nifti.name_of(path) if is_nifti(path) else path.with_suffix("")
    sidecar = stem.with_name(stem.name + ".json")
    if is_nifti(path):
        _write_nifti(path, labels.array, labels.geometry)
        description = stem.with_name(stem.name + ".label.txt")
        _write_text(description, itksnap_labels(labels.classes))
        written: tuple[Path, ...] = (path, sidecar, description)
    elif path.suffix.lower() == ".png":
        _write_palette_png(path, labels)
        written = (path, sidecar)
    else:
        raise WriteError("label maps are written as .nii.gz, .nii or .png; choose one of these endings", path=path)
    _write_text(sidecar, _sidecar(labels.classes, extra))
    return written


def write_binary_masks(
    folder: Path,
    masks: Mapping[str, NDArray[np.bool_]],
    geometry: Geometry,
    classes: ClassTable,
    suffix: str = ".nii.gz",
    extra: Mapping[str, Any] | None = None,
) -> tuple[Path, ...]:
    """Write one mask a class into a folder, 255 (PNG) or 1 (NIfTI) inside, with classes.json; returns all files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, mask in masks.items():
        path = folder / f"{_file_name(name)}{suffix}"
        if is_nifti(path):
            _write_nifti(path, mask.astype(np.uint8), geometry)
        else:
            _write_png(path, PIL.Image.fromarray(_rows(mask.astype(np.uint8) * 255, path)))
        written.append(path)
    table = folder / "classes.json"
    files = {name: path.name for name, path in zip(masks, written, strict=True)}
    _write_text(table, _sidecar(classes.keeping(masks), {"files": files, **(extra or {})}))
    return (*written, table)


def itksnap_labels(classes: ClassTable) -> str:
    """A label description as ITK-SNAP reads it: index, red, green, blue, opacity, visible, in mesh, name."""
    head = (
        "################################################\n"
        "# ITK-SnAP Label Description File\n"
        "# File format:\n"
        "# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL\n"
        "################################################\n"
    )
    rows = [f'{0:5} {0:5} {0:4} {0:4} {0:8} {0:2} {0:2}    "Clear Label"']
    for e in classes:
        name = e.name.replace('"', "'")
        rows.append(f'{e.value:5} {e.color[0]:5} {e.color[1]:4} {e.color[2]:4} {1:8} {1:2} {1:2}    "{name}"')
    return head + "\n".join(rows) + "\n"


def read_itksnap_labels(path: Path) -> ClassTable:
    """The class table of an ITK-SNAP label description; its clear label (0) is left out."""
    entries = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            numbers, name, _ = line.split('"')
            value, red, green, blue = (int(n) for n in numbers.split()[:4])
            if value:
                entries.append(ClassEntry(value, name.strip(), (red, green, blue)))
        return ClassTable(tuple(entries))
    except (OSError, ValueError, ClassTableError) as error:
        raise ReadError(f"is not an ITK-SNAP label description ({error}); mend or remove it", path=path) from error


def _read_numbers(path: Path) -> tuple[NDArray[np.generic], Geometry]:
    if is_nifti(path):
        volume = read_image(path)
        return volume.voxels()[0], volume.geometry
    if not path.exists():
        raise ReadError("there is no such file; check the path", path=path)
    values = pictures.to_voxels(pictures.read_indices(path))[0]
    return values, Geometry.of_picture(values.shape[0], values.shape[1])


def _as_labels(values: NDArray[np.generic], path: Path) -> NDArray[np.unsignedinteger]:
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all() or (numbers != np.round(numbers)).any():
        raise ReadError("holds fractions, so it is no label map (a probability map?); threshold it first", path=path)
    if numbers.min() < 0 or numbers.max() > 65535:
        span = f"{numbers.min():.0f} to {numbers.max():.0f}"
        raise ReadError(f"holds values from {span}; class values are 0 to 65535", path=path)
    return numbers.astype(np.uint8 if numbers.max() <= 255 else np.uint16)


def _onto(array: NDArray[Any], geometry: Geometry, wanted: Geometry, path: Path) -> tuple[NDArray[Any], Geometry]:
    """Turn an array's axes onto another grid's; voxels move in the array, never in space."""
    axes = AxisMap.between(geometry, wanted.orientation)
    turned = axes.geometry(geometry)
    if turned.shape != wanted.shape:
        raise GeometryError(
            f"has shape {geometry.shape}, its image {wanted.shape}; use the mask of this image", path=path
        )
    if not turned.fits(wanted):
        raise GeometryError(
            "lies elsewhere in space than its image (their affines differ); resample it onto the image first", path=path
        )
    return axes.apply(array), wanted


def _unnamed(labels: NDArray[np.unsignedinteger]) -> ClassTable:
    table = ClassTable()
    for value in np.unique(labels[labels > 0]):
        proposed = table.propose(f"class {value}")
        table = table.adding(ClassEntry(int(value), proposed.name, proposed.color, proposed.code))
    return table


def _classes_of_sidecar(path: Path) -> ClassTable | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("schema") != _SCHEMA:
            return None  # somebody else's JSON, such as BIDS'
        rows = [{**row, "color": tuple(row["color"])} for row in content["classes"]]
        return ClassTable(tuple(ClassEntry(**row) for row in rows))
    except (OSError, ValueError, KeyError, TypeError, ClassTableError) as error:
        raise ReadError(f"is not a class table ({error}); mend or remove it", path=path) from error


def _sidecar(classes: ClassTable, extra: Mapping[str, Any] | None) -> str:
    content = {
        "schema": _SCHEMA,
        "version": 1,
        "software": f"condseg {__version__}",
        "classes": [asdict(entry) for entry in classes],
        **(extra or {}),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _write_nifti(path: Path, array: NDArray[np.generic], geometry: Geometry) -> None:
    volume = nibabel.Nifti1Image(array, geometry.affine)
    # The sform holds any affine; the qform only what a rotation can, and nibabel sets it where it can.
    volume.set_sform(geometry.affine, code="aligned")
    volume.header.set_xyzt_units({"mm": "mm", "µm": "micron", "pixel": "unknown"}[geometry.unit])
    with atomic_write(path) as temporary:
        volume.to_filename(temporary)


def _write_palette_png(path: Path, labels: LabelMap) -> None:
    if labels.array.max(initial=0) > 255:
        raise WriteError("a palette PNG holds class values up to 255; write .nii.gz instead", path=path)
    picture = PIL.Image.fromarray(_rows(labels.array.astype(np.uint8), path), mode="P")
    palette = np.zeros((256, 3), np.uint8)
    for entry in labels.classes:
        if entry.value <= 255:
            palette[entry.value] = entry.color
    picture.putpalette(palette.tobytes())
    _write_png(path, picture)


def _rows(array: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    if array.shape[2] != 1:
        raise WriteError(f"a PNG holds one slice, this has {array.shape[2]}; write .nii.gz instead", path=path)
    return np.ascontiguousarray(array[..., 0].T)


def _write_png(path: Path, picture: PIL.Image.Image) -> None:
    with atomic_write(path) as temporary:
        picture.save(temporary, format="PNG")


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _file_name(class_name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in class_name)
