"""COCO JSON: masks of a 2D image, or of each slice of a volume, for annotation tools and object detectors."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from condseg_app.data import Image
from condseg_app.io.atomic import atomic_write
from condseg_app.io.exports.formats import ExportFormat
from condseg_app.io.exports.outlines import Piece, pieces
from condseg_app.io.exports.planes import picture_name, plane_of
from condseg_app.io.exports.provenance import KEY, Registry
from condseg_app.io.exports.write import Export

Masks = Mapping[str, NDArray[np.bool_]]


def export_to(form: ExportFormat, target: Path, export: Export) -> tuple[Path, ...]:
    """Write an export."""
    return write_coco(target, export.masks, export.image, export.registry)


def write_coco(path: Path, masks: Masks, image: Image, registry: Registry) -> tuple[Path, ...]:
    """Write masks as COCO's object annotations; returns the file.

    A category is a class, with the class's value as id. An annotation is a connected piece of a class on a slice: a
    polygon along the pixels' edges, or run lengths (RLE) for a piece with a hole, which a polygon cannot have. Both
    give the exact mask back. `iscrowd` is 0, since no annotation stands for a crowd. x runs along the
    image's first axis, y along the second; slices are along the third.

    Args:
        path: NAME.json.
        masks: class name -> (I, J, K); overlaps allowed.
        image: the image of the masks' grid.
        registry: with a row for each mask; kept in `info`.

    Raises:
        WriteError: the disk refuses; nothing is written.
    """
    content = {
        "info": {"description": registry.image, "version": registry.software, KEY: registry.content()},
        "licenses": [],
        "images": list(_images(image)),
        "categories": [_category(row.value, row.name, row.part_of) for row in registry.classes],
        "annotations": list(_annotations(masks, registry)),
    }
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        json.dump(content, file, ensure_ascii=False)  # bit by bit, so that other threads run meanwhile
    return (path,)


def _images(image: Image) -> Iterator[dict[str, Any]]:
    width, height, depth = image.geometry.shape
    for k in range(depth):
        yield {"id": k + 1, "file_name": picture_name(image, k), "width": width, "height": height}


def _category(value: int, name: str, part_of: str | None) -> dict[str, Any]:
    return {"id": value, "name": name, "supercategory": part_of or ""}


def _annotations(masks: Masks, registry: Registry) -> Iterator[dict[str, Any]]:
    number = 0
    for row in registry.classes:
        mask = masks[row.name]
        for k in np.flatnonzero(mask.any(axis=(0, 1))):
            plane = plane_of(mask, int(k))
            for piece in pieces(plane):
                number += 1
                yield {"id": number, "image_id": int(k) + 1, "category_id": row.value, **_shape(piece, plane.shape)}


def _shape(piece: Piece, shape: tuple[int, ...]) -> dict[str, Any]:
    height, width = piece.mask.shape
    return {
        "segmentation": _run_lengths(piece, shape) if piece.has_hole else [_polygon(piece)],
        "area": int(piece.mask.sum()),
        "bbox": [piece.column, piece.row, width, height],
        "iscrowd": 0,
    }


def _polygon(piece: Piece) -> list[int]:
    return [coordinate for corner in piece.corners() for coordinate in corner]


def _run_lengths(piece: Piece, shape: tuple[int, ...]) -> dict[str, Any]:
    plane = np.zeros(shape, np.uint8, order="F")
    height, width = piece.mask.shape
    plane[piece.row : piece.row + height, piece.column : piece.column + width] = piece.mask
    packed = coco_mask.encode(plane)
    return {"size": [int(n) for n in shape], "counts": packed["counts"].decode("ascii")}
