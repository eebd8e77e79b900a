"""A single export of an image's masks, in any of the formats."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
    return _WRITERS[form.content](form, target, export)


def _labels(form: ExportFormat, target: Path, export: Export) -> Paths:
    return write_label_map(target, export.label_map(target), export.registry.extra())


def _masks(form: ExportFormat, target: Path, export: Export) -> Paths:
    registry, geometry = export.registry, export.image.geometry
    return write_binary_masks(target, export.masks, geometry, registry.classes, form.suffix, registry.extra())


def _segments(form: ExportFormat, target: Path, export: Export) -> Paths:
    registry, geometry = export.registry, export.image.geometry
    return write_overlapping_masks(target, export.masks, geometry, registry.classes, registry.extra())


# Imported on use: few exports need these modules, and the start stays quick.


def _dicom_seg(form: ExportFormat, target: Path, export: Export) -> Paths:
    from condseg_app.io.dicom.seg_writer import write_dicom_seg
    from condseg_app.io.dicom.series import source_slices

    image, registry = export.image, export.registry
    source = source_slices(image.source, image.pick) if image.source is not None and form.is_for(image) else None
    write_dicom_seg(target, export.masks, image.geometry, registry.classes, source, registry.extra())
    return (target,)


def _coco(form: ExportFormat, target: Path, export: Export) -> Paths:
    from condseg_app.io.exports.coco import write_coco

    return write_coco(target, export.masks, export.image, export.registry)


def _labelme(form: ExportFormat, target: Path, export: Export) -> Paths:
    from condseg_app.io.exports.labelme import write_labelme

    return write_labelme(target, export.masks, export.image, export.registry)


def _cvat(form: ExportFormat, target: Path, export: Export) -> Paths:
    from condseg_app.io.exports.cvat import write_cvat_masks

    return write_cvat_masks(target, export.label_map(target), export.image, export.registry)


def _meshes(form: ExportFormat, target: Path, export: Export) -> Paths:
    from condseg_app.io.exports.meshes import write_meshes

    return write_meshes(target, export.masks, export.image.geometry, export.registry, form.suffix)


def _statistics(form: ExportFormat, target: Path, export: Export) -> Paths:
    from condseg_app.io.exports.statistics import write_statistics

    return write_statistics(target, export.masks, export.levels, export.image, export.registry)


_WRITERS: Mapping[Content, Callable[[ExportFormat, Path, Export], Paths]] = {
    "labels": _labels,
    "masks": _masks,
    "segments": _segments,
    "dicom-seg": _dicom_seg,
    "coco": _coco,
    "labelme": _labelme,
    "cvat": _cvat,
    "meshes": _meshes,
    "statistics": _statistics,
}
