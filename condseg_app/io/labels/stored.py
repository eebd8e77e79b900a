"""Values passed between label maps and their file formats."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Geometry, Shape


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """Content of a file that is read as labels.

    Attributes:
        voxels: (I, J, K) numbers, or (3, I, J, K) colours.
        geometry: the grid; in pixels for a file without a position.
        warnings: a sentence each.
        step: between neighbouring numbers, where whole numbers were scaled for storage; 0 otherwise.
        may_be_a_part: whether such files are cropped to the labels, and so may begin anywhere in the image.
    """

    voxels: NDArray[np.generic]
    geometry: Geometry
    warnings: tuple[str, ...] = ()
    step: float = 0.0
    may_be_a_part: bool = False


@dataclass(frozen=True, eq=False)
class StoredSegments:
    """Segments that a file holds separately, so that overlaps are possible.

    Attributes:
        masks: class name -> (I, J, K) mask.
        geometry: the grid of the masks.
        classes: their rows.
        warnings: a sentence each.
    """

    masks: Mapping[str, NDArray[np.bool_]]
    geometry: Geometry
    classes: ClassTable
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelGrid:
    """Description of a label map, needed before writing.

    Attributes:
        geometry: the grid.
        dtype: of the values.
        classes: meaning of the values; None for a mask.
    """

    geometry: Geometry
    dtype: np.dtype[np.generic]
    classes: ClassTable | None


def one_class_a_voxel(
    masks: Iterable[tuple[ClassEntry, NDArray[np.bool_]]], shape: Shape, dtype: np.dtype[np.unsignedinteger]
) -> tuple[NDArray[np.unsignedinteger], tuple[str, ...]]:
    """Merge segments that may overlap into class values, later segments on top; a warning where they do overlap.

    Args:
        masks: each segment's row and (I, J, K) mask.
        shape: (I, J, K).
        dtype: of the values.
    """
    values = np.zeros(shape, dtype)
    covering: list[str] = []
    for entry, mask in masks:
        if values[mask].any():
            covering.append(entry.name)
        values[mask] = entry.value
    note = f"its segments overlap; {', '.join(covering[:5])} cover others, for a label map holds one a voxel"
    return values, (note,) if covering else ()
