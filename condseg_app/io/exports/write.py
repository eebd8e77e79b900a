"""A single export of an image's masks, in any of the formats."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Image, LabelMap
from condseg_app.errors import WriteError
from condseg_app.io.exports.formats import Content, ExportFormat
from condseg_app.io.exports.provenance import Registry
from condseg_app.io.labels.writer import write_binary_masks, write_label_map, write_overlapping_masks

Paths = tuple[Path, ...]


@dataclass(frozen=True, eq=False)
class Export:
    """Content of an export; each format takes the parts that it needs.

    Attributes:
        image: the image of the masks' grid.
        registry: with a row for each exported class.
        masks: class name -> (I, J, K), each class separately.
        labels: the label map, in which every voxel has one class, or a function that makes it; None with overlaps kept.
        levels: class name -> (I, J, K) probabilities, 255 for certainty; only classes with known probabilities.
    """

    image: Image
    registry: Registry
    masks: Mapping[str, NDArray[np.bool_]]
    labels: LabelMap | Callable[[], LabelMap] | None
    levels: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    def label_map(self, path: Path) -> LabelMap:
        """The label map; WriteError where there is none."""
        if self.labels is None:
            raise WriteError("this format has one class a voxel, and overlaps are kept; choose another one", path=path)
        return self.labels if isinstance(self.labels, LabelMap) else self.labels()


def write_export(form: ExportFormat, target: Path, export: Export) -> Paths:
    """Write masks in a format, all files or none; returns the files, as `export_files` lists.

    Args:
        form: the format.
        target: the file, or the folder of a file for each class.
        export: the content.

    Raises:
        WriteError: the format is not for this image, cannot hold the masks, or the disk refuses.
    """
    form.check_fits(export.image.geometry, target)
    write = _WRITERS.get(form.content) or _writer_of(form.content)
    return write(form, target, export)


def _writer_of(content: Content) -> Callable[[ExportFormat, Path, Export], Paths]:
    """`export_to` of the content's module; imported on use, for most need a library."""
    module = import_module(f"condseg_app.io.exports.{content.replace('-', '_')}")
    return cast("Callable[[ExportFormat, Path, Export], Paths]", module.export_to)


def _labels(form: ExportFormat, target: Path, export: Export) -> Paths:
    return write_label_map(target, export.label_map(target), export.registry.extra())


def _masks(form: ExportFormat, target: Path, export: Export) -> Paths:
    registry, geometry = export.registry, export.image.geometry
    return write_binary_masks(target, export.masks, geometry, registry.classes, form.suffix, registry.extra())


def _segments(form: ExportFormat, target: Path, export: Export) -> Paths:
    registry, geometry = export.registry, export.image.geometry
    return write_overlapping_masks(target, export.masks, geometry, registry.classes, registry.extra())


_WRITERS: Mapping[Content, Callable[[ExportFormat, Path, Export], Paths]] = {
    "labels": _labels,
    "masks": _masks,
    "segments": _segments,
}
