"""Labelme JSON: the pieces of each class of a 2D image as shapes."""

import base64
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.typing import NDArray

from condseg_app.data import Image
from condseg_app.errors import WriteError
from condseg_app.io.atomic import atomic_write
from condseg_app.io.exports.formats import ExportFormat
from condseg_app.io.exports.outlines import Piece, pieces
from condseg_app.io.exports.planes import picture_name, plane_of
from condseg_app.io.exports.provenance import KEY, Registry
from condseg_app.io.exports.write import Export

_VERSION = "5.5.0"
"""Of Labelme, whose fields are written."""


def export_to(form: ExportFormat, target: Path, export: Export) -> tuple[Path, ...]:
    """Write an export."""
    return write_labelme(target, export.masks, export.image, export.registry)


def write_labelme(
    path: Path, masks: Mapping[str, NDArray[np.bool_]], image: Image, registry: Registry
) -> tuple[Path, ...]:
    """Write the masks of a 2D image as Labelme's shapes; returns the file.

    A shape is a connected piece of a class: a polygon where Labelme makes exactly the same pixels, else (holes,
    lines one pixel wide) a shape of type 'mask', which holds the pixels. As Labelme does with masks, points are those
    of pixels' middles. The picture is named, not embedded.

    Args:
        path: NAME.json.
        masks: class name -> (I, J, 1); overlaps allowed.
        image: the image of the masks' grid.
        registry: with a row for each mask; kept under 'condseg', which Labelme keeps.

    Raises:
        WriteError: the image is a volume, or the disk refuses; nothing is written.
    """
    width, height, depth = image.geometry.shape
    if depth > 1:
        raise WriteError("Labelme knows 2D images only, this is a volume; choose another format", path=path)
    planes = {row.name: plane_of(masks[row.name], 0) for row in registry.classes}
    content = {
        "version": _VERSION,
        "flags": {},
        "shapes": [_shape(name, piece) for name, plane in planes.items() for piece in pieces(plane)],
        "imagePath": _way_to(image, path),
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
        KEY: registry.content(),
    }
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="")
    return (path,)


def _shape(name: str, piece: Piece) -> dict[str, Any]:
    points = piece.centres()
    common: dict[str, Any] = {"label": name, "group_id": None, "description": "", "flags": {}}
    if not piece.has_hole and _is_exact(piece, points):
        return {**common, "points": [[float(x), float(y)] for x, y in points], "shape_type": "polygon", "mask": None}
    height, width = piece.mask.shape
    ends = [[piece.column, piece.row], [piece.column + width - 1, piece.row + height - 1]]
    points_of_box = [[float(x), float(y)] for x, y in ends]
    return {**common, "points": points_of_box, "shape_type": "mask", "mask": _as_png(piece.mask)}


def _is_exact(piece: Piece, points: list[tuple[int, int]]) -> bool:
    """Whether Labelme, which draws with Pillow, makes the piece's pixels of a polygon."""
    if len(points) < 3:
        return False
    height, width = piece.mask.shape
    drawn = PIL.Image.new("1", (width, height))
    PIL.ImageDraw.Draw(drawn).polygon([(x - piece.column, y - piece.row) for x, y in points], fill=1, outline=1)
    return bool((np.asarray(drawn) == piece.mask).all())


def _as_png(mask: NDArray[np.bool_]) -> str:
    packed = io.BytesIO()
    PIL.Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(packed, "PNG")
    return base64.b64encode(packed.getvalue()).decode("ascii")


def _way_to(image: Image, path: Path) -> str:
    """The image's file as seen from the JSON, by name alone where there is no way."""
    if image.source is None:
        return picture_name(image, 0)
    try:
        return Path(os.path.relpath(image.source.resolve(), path.parent.resolve())).as_posix()
    except ValueError:  # another drive of Windows
        return image.source.name
