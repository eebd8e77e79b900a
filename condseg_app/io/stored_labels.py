"""What passes between label maps and the formats that they are stored in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Geometry, Shape


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """What a file holds that is read as labels.

    Attributes:
        voxels: (I, J, K) numbers, or (3, I, J, K) colours.
        geometry: the grid; in pixels where the file does not say where it lies.
        warnings: what was odd, a sentence each.
        step: between neighbouring numbers, where whole ones were scaled when they were stored; 0 where not.
        may_be_a_part: whether files of this kind are cut to what is marked, and so may begin anywhere in the image.
    """

    voxels: NDArray[np.generic]
    geometry: Geometry
    warnings: tuple[str, ...] = ()
    step: float = 0.0
    may_be_a_part: bool = False


@dataclass(frozen=True, eq=False)
class StoredSegments:
    """Segments that a file holds one by one, so that they may overlap.

    Attributes:
        masks: class name -> where it is, (I, J, K).
        geometry: the grid of the masks.
        classes: their rows.
        warnings: what was odd, a sentence each.
    """

    masks: Mapping[str, NDArray[np.bool_]]
    geometry: Geometry
    classes: ClassTable
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelGrid:
    """What has to be known of a label map before it is written.

    Attributes:
        geometry: the grid.
        dtype: of the values.
        classes: what they mean; None for a mask.
    """

    geometry: Geometry
    dtype: np.dtype[np.generic]
    classes: ClassTable | None


def one_class_a_voxel(
    masks: Iterable[tuple[ClassEntry, NDArray[np.bool_]]], shape: Shape, dtype: np.dtype[np.unsignedinteger]
) -> tuple[NDArray[np.unsignedinteger], tuple[str, ...]]:
    """Segments that may overlap as class values, a later one before an earlier one; a sentence where they do.

    Args:
        masks: each segment's row, and where it is, (I, J, K).
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
