"""What a file or folder is, for people: what `condseg info` prints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from condseg_app.errors import ReadError
from condseg_app.io.data_sets import read_data_set
from condseg_app.io.images import check_voxels, is_nifti, read_image
from condseg_app.io.model_file import SUFFIX, read_model_description


@dataclass(frozen=True)
class FileDescription:
    """What a path holds; what does not apply is None or empty."""

    path: str
    kind: Literal["image", "data set", "model"]
    format: str
    shape: tuple[int, ...] | None = None
    spacing: tuple[float, ...] | None = None
    unit: str | None = None
    orientation: str | None = None
    dtype: str | None = None
    channels: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def describe(path: Path) -> FileDescription:
    """Describe an image, a data set or a model.

    Raises:
        CondsegError: it cannot be read as any of them.
    """
    if path.is_dir():
        return _describe_data_set(path)
    if path.suffix == SUFFIX:
        return _describe_model(path)
    if not path.exists():
        raise ReadError("there is no such file or folder; check the path", path=path)
    return _describe_image(path)


def _describe_image(path: Path) -> FileDescription:
    image = check_voxels(read_image(path))
    voxels = image.voxels()
    geometry = image.geometry
    return FileDescription(
        str(path),
        "image",
        "NIfTI" if is_nifti(path) else path.suffix.lstrip(".").upper(),
        geometry.shape,
        tuple(round(s, 6) for s in geometry.spacing),
        geometry.unit,
        geometry.orientation if is_nifti(path) else None,
        str(voxels.dtype),
        image.channels,
        image.warnings,
        {"lowest": float(np.nanmin(voxels)), "highest": float(np.nanmax(voxels))},
    )


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
    return FileDescription(str(path), "model", "safetensors", spacing=model.preprocessing.spacing, details=details)
