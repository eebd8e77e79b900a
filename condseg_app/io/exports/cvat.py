"""CVAT's 'Segmentation mask 1.1': colour pictures of the classes and of their pieces, in a zip that CVAT imports."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from scipy import ndimage

from condseg_app.data import ClassTable, Color, Image, LabelMap
from condseg_app.io.atomic import atomic_write
from condseg_app.io.exports.formats import ExportFormat
from condseg_app.io.exports.planes import picture_name, plane_of
from condseg_app.io.exports.provenance import Registry
from condseg_app.io.exports.write import Export

_BACKGROUND: Color = (0, 0, 0)
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the zip: the same masks give the same bytes."""


def export_to(form: ExportFormat, target: Path, export: Export) -> tuple[Path, ...]:
    """Write an export."""
    return write_cvat_masks(target, export.label_map(target), export.image, export.registry)


def write_cvat_masks(path: Path, labels: LabelMap, image: Image, registry: Registry) -> tuple[Path, ...]:
    """Write a label map as CVAT's segmentation masks, a picture for each slice; returns the file.

    In the zip are `labelmap.txt` (names and colours), `ImageSets/Segmentation/default.txt` (the pictures' names),
    `SegmentationClass/NAME.png` (each class in its colour), `SegmentationObject/NAME.png` (each connected piece in a
    colour of its own) and `condseg.json`, the registry, which CVAT passes over. A class whose colour is black or that
    of an earlier class gets another colour, since CVAT tells classes apart by colour.

    Args:
        path: NAME.zip.
        labels: the label map.
        image: the image of the label map's grid.
        registry: kept in the zip.

    Raises:
        WriteError: the disk refuses; nothing is written.
    """
    colors = _distinct(registry.classes)
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in _files(labels, image, registry, colors):
            packed.writestr(zipfile.ZipInfo(name, _LONG_AGO), content, zipfile.ZIP_DEFLATED)
    return (path,)


def _files(
    labels: LabelMap, image: Image, registry: Registry, colors: Mapping[str, Color]
) -> Iterator[tuple[str, bytes | str]]:
    values, depth = {row.value: colors[row.name] for row in registry.classes}, labels.geometry.shape[2]
    names = [PurePath(picture_name(image, k)).stem for k in range(depth)]
    yield "labelmap.txt", _label_map({"background": _BACKGROUND, **colors})
    yield "ImageSets/Segmentation/default.txt", "".join(f"{name}\n" for name in names)
    yield "condseg.json", registry.text()
    for k, name in enumerate(names):
        plane = plane_of(np.asarray(labels.array[:, :, k : k + 1]), 0)
        numbered = _pieces(plane, values)
        pieces = {number: _palette(number) for number in range(1, int(numbered.max()) + 1)}
        yield f"SegmentationClass/{name}.png", _picture(plane, values)
        yield f"SegmentationObject/{name}.png", _picture(numbered, pieces)


def _label_map(colors: Mapping[str, Color]) -> str:
    """CVAT's lines of name, colour, parts and actions; a colon would end a name."""
    lines = [f"{name.replace(':', '_')}:{red},{green},{blue}::" for name, (red, green, blue) in colors.items()]
    return "\n".join(["# label:color_rgb:parts:actions", *lines]) + "\n"


def _distinct(classes: ClassTable) -> dict[str, Color]:
    colors: dict[str, Color] = {}
    wanted = {entry.color for entry in classes}
    for entry in classes:
        color, number = entry.color, 0
        while color in {_BACKGROUND, *colors.values()} or (number and color in wanted):
            number += 1
            color = _palette(number)
        colors[entry.name] = color
    return colors


def _pieces(plane: NDArray[np.generic], values: Mapping[int, Color]) -> NDArray[np.int64]:
    """The connected pieces of all classes, numbered from 1 on."""
    numbered, so_far = np.zeros(plane.shape, np.int64), 0
    for value in values:
        own, count = ndimage.label(plane == value)
        numbered[own > 0] = own[own > 0] + so_far
        so_far += count
    return numbered


def _palette(number: int) -> Color:
    """Colour of a number in Pascal VOC's palette: the number's bits, three at a time, fill a colour from the top."""
    red = green = blue = 0
    for place in range(8):
        bits = number >> (3 * place)
        red |= (bits & 1) << (7 - place)
        green |= (bits >> 1 & 1) << (7 - place)
        blue |= (bits >> 2 & 1) << (7 - place)
    return red, green, blue


def _picture(numbers: NDArray[np.generic], colors: Mapping[int, Color]) -> bytes:
    """A PNG (rows, columns) in colours; numbers without a colour are black."""
    table = np.zeros((max([int(numbers.max()), *colors], default=0) + 1, 3), np.uint8)
    for number, color in colors.items():
        table[number] = color
    packed = io.BytesIO()
    PIL.Image.fromarray(table[numbers]).save(packed, "PNG")
    return packed.getvalue()
