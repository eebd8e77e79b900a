"""Label maps and masks: files onto an image's grid, in space and never by index."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Image, LabelMap, Pick, values_present
from condseg_app.errors import ReadError
from condseg_app.io.choices import EVERYTHING, ChoiceNeeded
from condseg_app.io.contents import format_of
from condseg_app.io.labels.placing import Placed, onto_grid
from condseg_app.io.labels.stored import StoredLabels
from condseg_app.io.labels.tables import classes_beside

Labels = tuple[NDArray[np.unsignedinteger], tuple[str, ...]]
"""Class values, and warnings."""

_LARGEST_VALUE = 65535
# Largest distance of labels from whole numbers through rounding, and the limit where labels were scaled.
_NEARLY = 0.01
_HALF_STEP = 0.2

# Value in a machine-made mask where the model was not sure.
MACHINE_UNKNOWN = 255


def read_label_map(
    path: Path, image: Image | None = None, classes: ClassTable | None = None, pick: Pick = EVERYTHING
) -> LabelMap:
    """Read a label map, turned onto the image's axes where both cover the same voxels.

    Args:
        path: of any format but JPEG; a picture is grey, has a palette, or is in the classes' exact colours.
        image: the image to fit; None to keep the file's grid.
        classes: the meaning of the values; None to take the names beside the file, or 'class 1', 'class 2', ...
        pick: which label map of a file that holds several.

    Raises:
        ReadError: values that are not whole numbers from 0 to 65535, or several numbers per voxel.
        GeometryError: the label map does not fit the image.
    """
    stored = _stored(path, pick, image)
    found, warnings = (classes, ()) if classes is not None else classes_beside(path)
    if stored.voxels.ndim == 4:
        values, notes = _values_of_colors(stored.voxels, found, path)
    else:
        values, notes = whole_numbers(stored.voxels, stored.step, path)
    geometry = stored.geometry
    if image is not None:
        values, odd = _placed(values, stored, image, path)
        geometry, notes = image.geometry, (*notes, *odd)
    empty = () if values.any() else ("it marks no voxel of any class",)
    table = found if found is not None else _unnamed(values)
    return LabelMap(values, geometry, table, (*stored.warnings, *warnings, *notes, *empty))


def read_binary_mask(path: Path, image: Image) -> NDArray[np.bool_]:
    """Read a class's mask (I, J, K): all non-zero voxels.

    Raises:
        ReadError, GeometryError: as `read_told_mask`.
    """
    return read_told_mask(path, image)[0]


def read_told_mask(path: Path, image: Image) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Read a class's mask (I, J, K), and warnings.

    Raises:
        ReadError: an empty mask.
        GeometryError: the mask does not fit the image.
    """
    stored = _stored(path, EVERYTHING, image)
    marked = (stored.voxels != 0) & ~np.isnan(stored.voxels)
    mask, notes = _placed(marked.any(axis=0) if marked.ndim == 4 else marked, stored, image, path)
    if not mask.any():
        raise ReadError("is a mask with no voxel of its class; mark the class in it, or remove the pair", path=path)
    return mask, (*stored.warnings, *notes)


def read_machine_mask(path: Path, image: Image) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Read a model's mask: the class mask and the mask where the model was sure, both (I, J, K).

    Raises:
        ReadError: values other than 0 (not the class), 1 (the class) and 255 (unknown).
        GeometryError: the mask does not fit the image.
    """
    stored = _stored(path, EVERYTHING, image)
    values, _ = _placed(whole_numbers(stored.voxels, stored.step, path)[0], stored, image, path)
    if not np.isin(values, (0, 1, MACHINE_UNKNOWN)).all():
        raise ReadError("is no machine-made mask, which holds 0, 1 and 255 only; complete the labels again", path=path)
    return values == 1, values != MACHINE_UNKNOWN


def _stored(path: Path, pick: Pick, image: Image | None) -> StoredLabels:
    """A file's values on a grid; several numbers per voxel are refused with advice for labels."""
    try:
        return format_of(path).codec.read_labels(path, pick, None if image is None else image.geometry)
    except ChoiceNeeded as needed:
        what = {"frame": "volumes", "channel": "channels", "series": "images"}[needed.what]
        raise ReadError(
            f"holds {len(needed.options)} {what}, a label map has one number a voxel; where each is a class, write "
            "them into one as 1, 2, 3, ..., else save the one that is meant",
            path=path,
        ) from needed


def _placed(numbers: NDArray[Any], stored: StoredLabels, image: Image, path: Path) -> Placed:
    part, wanted = stored.may_be_a_part, image.geometry
    return onto_grid(numbers, stored.geometry, wanted, path, may_be_a_part=part, picture=image.source)


def whole_numbers(voxels: NDArray[np.generic], step: float, path: Path) -> Labels:
    """Numbers as class values.

    Args:
        voxels: the numbers.
        step: between neighbouring numbers, where whole numbers were scaled for storage; 0 otherwise.
        path: where they are from.

    Raises:
        ReadError: values that are not whole numbers from 0 to 65535.
    """
    numbers: NDArray[Any] = voxels
    notes: tuple[str, ...] = ()
    if numbers.dtype.kind == "f":
        if not np.isfinite(numbers).all():
            raise ReadError("holds voxels that are no numbers, so it is no label map; give them values", path=path)
        nearest = np.rint(numbers)
        off = float(np.abs(numbers - nearest).max())
        # Numbers that were scaled for storage are off by half a step.
        if off > max(_NEARLY, min(step / 2 * (1 + _NEARLY), _HALF_STEP)) or bool(numbers.any()) > bool(nearest.any()):
            raise ReadError(
                "holds fractions, so it is no label map (a probability map?); apply a threshold first", path=path
            )
        notes = (f"its labels are stored as {numbers.dtype}; they are whole numbers, and taken as such",)
        if off > 0:
            notes = (f"its labels are up to {off:.1g} beside whole numbers (rounded or scaled); these are taken",)
        numbers = nearest
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high > _LARGEST_VALUE:
        raise ReadError(f"holds values from {low} to {high}; class values are 0 to {_LARGEST_VALUE}", path=path)
    return numbers.astype(np.uint8 if high <= 255 else np.uint16), notes


def _values_of_colors(colors: NDArray[np.generic], classes: ClassTable | None, path: Path) -> Labels:
    """Colours (3, I, J, K) as the values of the classes with exactly these colours; black is background.

    Where no table has the colours, shades of grey are the values themselves.
    """
    red, green, blue = colors.astype(np.uint32)
    packed = (red << 16) | (green << 8) | blue
    values = np.zeros(packed.shape, np.uint16)
    known = packed == 0
    for entry in classes or ():
        same = packed == (entry.color[0] << 16 | entry.color[1] << 8 | entry.color[2])
        values[same] = entry.value
        known |= same
    if known.all() and classes is not None:
        return (values if values.max() > 255 else values.astype(np.uint8)), ()
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red.astype(np.uint8), ("its colours are shades of grey; these are taken for its values",)
    if classes is None:
        raise ReadError(
            "holds colours, not class values, and no table says which class has which; save it as a grey or palette "
            "picture, or with the table beside it",
            path=path,
        )
    odd = int(packed[~known][0])
    color = (odd >> 16, odd >> 8 & 255, odd & 255)
    raise ReadError(f"holds the colour {color}, which is no class's; save class values instead", path=path)


def _unnamed(values: NDArray[np.unsignedinteger]) -> ClassTable:
    table = ClassTable()
    for value in values_present(values):
        table = table.adding(table.propose(f"class {value}", value=value))
    return table
