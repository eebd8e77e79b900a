"""Label maps and masks: files onto an image's grid, in space and never by index."""

from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import AxisMap, ClassEntry, ClassTable, Geometry, Image, LabelMap, Pick
from condseg_app.errors import GeometryError, ReadError
from condseg_app.io.choices import EVERYTHING
from condseg_app.io.class_tables import classes_beside
from condseg_app.io.contents import format_of

Labels = tuple[NDArray[np.unsignedinteger], tuple[str, ...]]
"""Class values, and what was odd about them."""

_LARGEST_VALUE = 65535

# What a machine-made mask holds where the model was not sure.
MACHINE_UNKNOWN = 255


def read_label_map(
    path: Path, image: Image | None = None, classes: ClassTable | None = None, pick: Pick = EVERYTHING
) -> LabelMap:
    """Read a label map, turned onto the image's axes where both cover the same voxels.

    Args:
        path: of any format but JPEG; a picture is grey, has a palette, or is in the classes' exact colours.
        image: what it must fit; None to take it as it is.
        classes: what its values mean; None to take the names that lie beside it, or 'class 1', 'class 2', ...
        pick: what to take of a file that holds several label maps.

    Raises:
        ReadError: it does not hold whole numbers from 0 to 65535.
        GeometryError: it does not fit the image.
    """
    stored = format_of(path).read_labels(path, pick, None if image is None else image.geometry)
    found, warnings = (classes, ()) if classes is not None else classes_beside(path)
    values, notes = (
        _values_of_colors(stored.voxels, found, path)
        if stored.voxels.ndim == 4
        else _whole_numbers(stored.voxels, path)
    )
    geometry = stored.geometry
    if image is not None:
        values, geometry = onto_grid(values, geometry, image.geometry, path), image.geometry
    empty = () if values.any() else ("it marks no voxel of any class",)
    table = found if found is not None else _unnamed(values)
    return LabelMap(values, geometry, table, (*stored.warnings, *warnings, *notes, *empty))


def read_binary_mask(path: Path, image: Image) -> NDArray[np.bool_]:
    """Read one class's mask (I, J, K): whatever is not zero is the class.

    Raises:
        ReadError: no voxel is marked.
        GeometryError: it does not fit the image.
    """
    stored = format_of(path).read_labels(path, EVERYTHING, image.geometry)
    marked = (stored.voxels != 0) & ~np.isnan(stored.voxels)
    mask = onto_grid(marked.any(axis=0) if marked.ndim == 4 else marked, stored.geometry, image.geometry, path)
    if not mask.any():
        raise ReadError("is a mask with no voxel of its class; mark the class in it, or remove the pair", path=path)
    return mask


def read_machine_mask(path: Path, image: Image) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Read a mask that a model made: where the class is, and where the model was sure, both (I, J, K).

    Raises:
        ReadError: it holds something else than 0 (not the class), 1 (the class) and 255 (not known).
        GeometryError: it does not fit the image.
    """
    stored = format_of(path).read_labels(path, EVERYTHING, image.geometry)
    values = onto_grid(_whole_numbers(stored.voxels, path)[0], stored.geometry, image.geometry, path)
    if not np.isin(values, (0, 1, MACHINE_UNKNOWN)).all():
        raise ReadError("is no machine-made mask, which holds 0, 1 and 255 only; complete the labels again", path=path)
    return values == 1, values != MACHINE_UNKNOWN


def _whole_numbers(voxels: NDArray[np.generic], path: Path) -> Labels:
    numbers: NDArray[Any] = voxels
    notes: tuple[str, ...] = ()
    if numbers.dtype.kind == "f":
        if not (np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()):
            raise ReadError(
                "holds fractions, so it is no label map (a probability map?); apply a threshold first", path=path
            )
        notes = (f"its labels are stored as {numbers.dtype}; they are whole numbers, and taken as such",)
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high > _LARGEST_VALUE:
        raise ReadError(f"holds values from {low} to {high}; class values are 0 to {_LARGEST_VALUE}", path=path)
    return numbers.astype(np.uint8 if high <= 255 else np.uint16), notes


def _values_of_colors(colors: NDArray[np.generic], classes: ClassTable | None, path: Path) -> Labels:
    """Colours (3, I, J, 1) as the values of the classes that have exactly these; black is background."""
    if classes is None or colors.dtype != np.uint8:
        raise ReadError("holds colours, not class values; save it as a grey or palette picture", path=path)
    red, green, blue = colors.astype(np.uint32)
    packed = (red << 16) | (green << 8) | blue
    values = np.zeros(packed.shape, np.uint16)
    known = packed == 0
    for entry in classes:
        same = packed == (entry.color[0] << 16 | entry.color[1] << 8 | entry.color[2])
        values[same] = entry.value
        known |= same
    if not known.all():
        odd = int(packed[~known][0])
        color = (odd >> 16, odd >> 8 & 255, odd & 255)
        raise ReadError(f"holds the colour {color}, which is no class's; save class values instead", path=path)
    return (values if values.max() > 255 else values.astype(np.uint8)), ()


def onto_grid(array: NDArray[Any], geometry: Geometry, wanted: Geometry, path: Path) -> NDArray[Any]:
    """An array on another grid's axes; voxels move in the array, never in space."""
    placeless = geometry.unit == "pixel"  # a picture does not say where it lies; its pixels are the image's
    if sorted(geometry.shape) != sorted(wanted.shape) or (placeless and geometry.shape != wanted.shape):
        raise GeometryError(
            f"has shape {geometry.shape}, its image {wanted.shape}; use the labels of this image", path=path
        )
    if placeless:
        return array
    for order, flipped in product(permutations(range(3)), product((False, True), repeat=3)):
        axes = AxisMap((order[0], order[1], order[2]), (flipped[0], flipped[1], flipped[2]))
        if axes.geometry(geometry).fits(wanted):
            return axes.apply(array)
    raise GeometryError(
        "lies elsewhere in space than its image (their affines differ); resample it onto the image first", path=path
    )


def _unnamed(values: NDArray[np.unsignedinteger]) -> ClassTable:
    table = ClassTable()
    for value in np.flatnonzero(np.bincount(values.ravel())):
        if value:
            proposed = table.propose(f"class {value}")
            table = table.adding(ClassEntry(int(value), proposed.name, proposed.color, proposed.code))
    return table
