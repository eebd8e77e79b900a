"""The annotation that comes of a tool, used on a class as shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ChunkedAnnotation, ClassId, Geometry, Image, Region, as_level
from condseg_app.data.chunked_annotation import ABSENT, PRESENT, UNDECIDED
from condseg_app.data.regions import around, first_of, padded
from condseg_app.session import fusing
from condseg_app.session.drawing.allowed import allowed
from condseg_app.session.drawing.piece import Mask, Piece, Spacing, Tool
from condseg_app.session.drawing.slices import FillBetween
from condseg_app.session.state import State


@dataclass(frozen=True, eq=False)
class Drawn:
    """A tool's result.

    Attributes:
        annotation: of the class, with the tool's changes.
        added: voxels that the class got.
        removed: voxels that the class lost.
        left_alone: voxels that the tool would have changed where drawing is not allowed.
    """

    annotation: ChunkedAnnotation
    added: int = 0
    removed: int = 0
    left_alone: int = 0


def drawn(state: State, class_id: ClassId, tool: Tool) -> Drawn:
    """A tool's result on a class of the image in view, read in the smallest box that the tool needs."""
    image = state.opened_image()
    annotation = state.annotations.get(class_id) or ChunkedAnnotation.empty(image.geometry.shape)
    extent = shown_extent(state, class_id)
    if extent is None:
        return Drawn(annotation)
    spacing = spacing_of(image.geometry)
    region = padded(extent, tool.margin(spacing), image.geometry.shape)
    said, mask = annotation.read(region), fusing.shown(state, class_id, region)
    found = tool(Piece(mask, said != UNDECIDED, partial(intensities, image, region), spacing, first_of(region)))
    wanted, free = found != mask, allowed(state, class_id, region)
    changed = wanted & free
    left_alone = _count(wanted) - _count(changed)
    if not changed.any():
        return Drawn(annotation, left_alone=left_alone)
    decided = changed | (found & free & _changed_slices(tool, changed))
    values = np.where(decided, np.where(found, np.uint8(PRESENT), np.uint8(ABSENT)), said)
    added = _count(changed & found)
    return Drawn(annotation.edited(region, values), added, _count(changed) - added, left_alone)


def shown_extent(state: State, class_id: ClassId) -> Region | None:
    """A region that holds all of a class as shown, at the cost of the class alone; None for a class that is nowhere."""
    levels, annotation = state.levels_of(class_id), state.annotations.get(class_id)
    predicted = None if levels is None else levels.extent(as_level(state.threshold(class_id)))
    annotated = None if annotation is None else annotation.extent
    return around(region for region in (predicted, annotated) if region is not None)


def intensities(image: Image, region: Region) -> NDArray[np.float32]:
    """Intensities in a region: of the first channel, or the mean over colours."""
    if image.is_rgb:
        return np.asarray(np.mean(image.array[(slice(None), *region)], axis=0), np.float32)
    return np.asarray(image.array[(0, *region)], np.float32)


def spacing_of(geometry: Geometry) -> Spacing:
    """The spacing as tools see it: in the image's unit, 1 across a 2D image."""
    i, j, k = geometry.spacing
    return i, j, 1.0 if geometry.is_2d else k


def _changed_slices(tool: Tool, changed: Mask) -> Mask:
    """The slices on which the class's other voxels are decided, too: those that were filled between a person's."""
    if not isinstance(tool, FillBetween):
        return np.zeros((1, 1, 1), bool)
    others: Sequence[int] = [axis for axis in range(3) if axis != tool.axis]
    return np.asarray(changed.any(axis=tuple(others), keepdims=True))


def _count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))
