"""Descriptions of files and folders, as `condseg info` prints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from condseg_app.data import Geometry, Image, Pick
from condseg_app.io.choices import EVERYTHING
from condseg_app.io.contents import folder_format, format_of
from condseg_app.io.data_sets.folders import read_data_set
from condseg_app.io.images import read_image
from condseg_app.io.labels.segmentations import is_segmentation, looks_like_labels, read_segmentation
from condseg_app.io.labels.tables import classes_beside
from condseg_app.io.labels.writer import TABLE_OF_MASKS
from condseg_app.io.models.model_file import SUFFIX, read_model_description
from condseg_app.io.voxels.regions import slabs


@dataclass(frozen=True)
class FileDescription:
    """Content of a path; fields that do not apply are None or empty."""

    path: str
    kind: Literal["image", "label map", "data set", "model"]
    format: str
    shape: tuple[int, ...] | None = None
    spacing: tuple[float, ...] | None = None
    unit: str | None = None
    orientation: str | None = None
    dtype: str | None = None
    channels: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def describe(path: Path, pick: Pick = EVERYTHING) -> FileDescription:
    """Describe an image, a label map, a data set or a model.

    Args:
        path: the file or folder.
        pick: which image of a file that holds several.

    Raises:
        CondsegError: not readable as any of these.
    """
    folder = path.is_dir() and folder_format(path) is None
    if folder and not (path / TABLE_OF_MASKS).is_file():
        return _describe_data_set(path)
    if path.suffix == SUFFIX:
        return _describe_model(path)
    return _describe_image(path, pick)


def _describe_image(path: Path, pick: Pick) -> FileDescription:
    """An image; a label map if the file or its values say so."""
    if is_segmentation(path):
        return _describe_labels(path, pick)
    image, found = read_image(path, pick), format_of(path)
    if looks_like_labels(image):
        return _describe_labels(path, pick)
    return FileDescription(
        str(path),
        "image",
        found.name,
        **_grid(image.geometry, known=found.knows_orientation),
        dtype=str(image.array.dtype),
        channels=image.channels,
        warnings=image.warnings,
        details=_range(image),
    )


def _describe_labels(path: Path, pick: Pick) -> FileDescription:
    """A label map, a file of segments, or a folder with a mask a class."""
    labels, (_, odd) = read_segmentation(path, pick=pick), classes_beside(path)
    found = None if path.is_dir() and folder_format(path) is None else format_of(path)
    values = {e.name: e.value for e in labels.classes}
    return FileDescription(
        str(path),
        "label map",
        "masks in a folder" if found is None else "DICOM SEG" if found.name == "DICOM" else found.name,
        **_grid(labels.geometry, known=found is None or found.knows_orientation),
        warnings=tuple(dict.fromkeys((*labels.warnings, *odd))),
        details={"classes": values} if labels.named else {"values": list(values.values())},
    )


def _grid(geometry: Geometry, *, known: bool) -> dict[str, Any]:
    return {
        "shape": geometry.shape,
        "spacing": tuple(round(s, 6) for s in geometry.spacing),
        "unit": geometry.unit,
        "orientation": geometry.orientation if known else None,
    }


def _range(image: Image) -> dict[str, float]:
    """Lowest and highest intensity, a few slices at a time; nothing where no voxel is finite."""
    ends: list[float] = []
    for _, values in slabs(image.array):
        finite = values[np.isfinite(values)]
        ends += [finite.min().item(), finite.max().item()] if finite.size else []
    return {"lowest": min(ends), "highest": max(ends)} if ends else {}


def _describe_data_set(path: Path) -> FileDescription:
    data = read_data_set(path)
    splits: dict[str, int] = {}
    for case in data.cases:
        splits[case.split or "all"] = splits.get(case.split or "all", 0) + 1
    details = {
        "cases": splits,
        "classes": {e.name: e.value for e in data.classes},
        "single-class groups": {variant: {k: len(v) for k, v in g.items()} for variant, g in data.groups.items()},
        "licence": data.licence,
    }
    return FileDescription(str(path), "data set", "folder", warnings=data.warnings, details=details)


def _describe_model(path: Path) -> FileDescription:
    model = read_model_description(path)
    details = {
        "name": model.name,
        "network": model.network,
        "classes": {e.name: e.value for e in model.classes},
        "dimensions": model.preprocessing.dimensions,
        "licence": model.licence,
        "parent": model.parent,
    }
    resampling = model.preprocessing.spacing
    spacing = None if resampling is None else resampling.size
    return FileDescription(str(path), "model", "safetensors", spacing=spacing, details=details)
