"""A table of figures: size, position and brightness of each class, and the model's confidence."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, Geometry, Image, Region, extent_of, measure
from condseg_app.io.atomic import atomic_files
from condseg_app.io.exports.formats import ExportFormat
from condseg_app.io.exports.provenance import KEY, Registry
from condseg_app.io.exports.surfaces import surface_of
from condseg_app.io.exports.write import Export
from condseg_app.io.labels.sidecar import sidecar_path
from condseg_app.io.voxels.regions import slabs

Masks = Mapping[str, NDArray[np.bool_]]
Levels = Mapping[str, NDArray[np.uint8]]
Figures = dict[str, Any]
"""Name of a figure -> number, text, or None where there is none: in the order of the table's columns."""


def export_to(form: ExportFormat, target: Path, export: Export) -> tuple[Path, ...]:
    """Write an export."""
    return write_statistics(target, export.masks, export.levels, export.image, export.registry)


def write_statistics(path: Path, masks: Masks, levels: Levels, image: Image, registry: Registry) -> tuple[Path, ...]:
    """Write the figures of some classes as CSV and, beside it, as JSON with the registry; returns both files.

    A column besides `class_figures` says whether a class was predicted in part; all figures are then of that part.

    Args:
        path: NAME.csv.
        masks: class name -> (I, J, K); overlaps allowed.
        levels: class name -> (I, J, K) probabilities, 255 for certainty; some may be missing.
        image: the measured image, on the masks' grid; a large image is read in parts.
        registry: with a row for each mask.

    Raises:
        WriteError: the disk refuses; nothing is written.
    """
    rows = [
        _row(row, masks[row.name], levels.get(row.name), image) | {"in part": row.name in registry.incomplete}
        for row in registry.classes
    ]
    content = {KEY: registry.content(), "image": image.name, "unit": image.geometry.unit, "statistics": rows}
    paths = (path, sidecar_path(path))
    with atomic_files(paths) as (as_csv, as_json):
        as_csv.write_text(_csv(rows), encoding="utf-8", newline="")
        as_json.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="")
    return paths


def class_figures(mask: NDArray[np.bool_], levels: NDArray[np.uint8] | None, image: Image) -> Figures:
    """Figures of a class.

    Sizes are in the image's unit; a 2D image has an area and no surface. The surface is that of the triangle mesh
    half-way between the voxels inside and outside, as radiomics defines it (IBSI: surface area of the mesh); the steps
    of voxels remain, so the surface of a round shape comes out up to 10 % too large. Boxes go from the first to
    the last voxel, and in the world (RAS+) from edge to edge of these. Intensities are those inside the mask, without
    voxels that are not finite; the standard deviation is that of all of them (divided by N). The confidence is the mean
    probability inside the mask.

    Args:
        mask: (I, J, K).
        levels: (I, J, K) probabilities, 255 for certainty; None if unknown.
        image: the image of the same grid.
    """
    geometry, box = image.geometry, extent_of(mask)
    size = measure(int(np.count_nonzero(mask)), geometry)
    figures: Figures = {"voxels": int(np.count_nonzero(mask))}
    figures[f"{'area' if geometry.is_2d else 'volume'} ({size.unit})"] = size.value
    if not geometry.is_2d:
        figures[f"surface ({geometry.unit}²)"] = surface_of(mask, geometry).area
    figures |= _box(box, geometry)
    figures |= _intensities(mask, box, image)
    figures["confidence"] = None if levels is None or box is None else float(levels[mask].mean() / 255)
    return figures


def _row(row: ClassEntry, mask: NDArray[np.bool_], levels: NDArray[np.uint8] | None, image: Image) -> Figures:
    return {
        "class": row.name,
        "value": row.value,
        "terminology": row.terminology,
        **class_figures(mask, levels, image),
    }


def _box(box: Region | None, geometry: Geometry) -> Figures:
    """The first and last voxel along each axis, and the box around these in the world."""
    figures: Figures = {}
    for axis, name in enumerate("ijk"):
        figures[f"first {name}"] = None if box is None else box[axis].start
        figures[f"last {name}"] = None if box is None else box[axis].stop - 1
    ends = None if box is None else _world_ends(box, geometry)
    for axis, name in enumerate("xyz"):
        figures[f"from {name} ({geometry.unit})"] = None if ends is None else float(ends[0][axis])
        figures[f"to {name} ({geometry.unit})"] = None if ends is None else float(ends[1][axis])
    return figures


def _world_ends(box: Region, geometry: Geometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    corners = np.array([[*corner, 1.0] for corner in product(*((part.start - 0.5, part.stop - 0.5) for part in box))])
    world = (corners @ geometry.affine.T)[:, :3]
    return world.min(axis=0), world.max(axis=0)


@dataclass
class _Spread:
    """Mean and squared deviations of numbers that come in parts (Chan, Golub & LeVeque 1983)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: NDArray[np.float64]) -> None:
        """Some more numbers."""
        if not len(values):
            return
        count, mean = self.count + len(values), float(values.mean())
        apart = mean - self.mean
        self.squares += float(((values - mean) ** 2).sum()) + apart**2 * self.count * len(values) / count
        self.mean += apart * len(values) / count
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.count = count

    def figures(self, channel: str) -> Figures:
        """As columns."""
        known = self.count > 0
        return {
            f"mean ({channel})": self.mean if known else None,
            f"min ({channel})": self.low if known else None,
            f"max ({channel})": self.high if known else None,
            f"std ({channel})": float(np.sqrt(self.squares / self.count)) if known else None,
        }


def _intensities(mask: NDArray[np.bool_], box: Region | None, image: Image) -> Figures:
    spreads = [_Spread() for _ in image.channels]
    for values in () if box is None else _inside(mask, box, image):
        for spread, channel in zip(spreads, values, strict=True):
            spread.add(channel[np.isfinite(channel)])
    figures: Figures = {}
    for spread, channel in zip(spreads, image.channels, strict=True):
        figures |= spread.figures(channel)
    return figures


def _inside(mask: NDArray[np.bool_], box: Region, image: Image) -> Iterator[NDArray[np.float64]]:
    """The intensities (channels, voxels) inside a mask, a few slices of the mask's box at a time."""
    i, j, k = box
    for where, part in slabs(mask[box]):
        read = np.asarray(image.array[:, i, j, k.start + where.start : k.start + where.stop])
        yield read[:, part.astype(bool)].astype(np.float64)


def _csv(rows: list[Figures]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["class"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
