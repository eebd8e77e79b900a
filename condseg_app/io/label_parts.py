"""Label maps written box by box, so that a large one never has to be in memory as a whole."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Color, Geometry, Region
from condseg_app.errors import ClassTableError, GeometryError, WriteError
from condseg_app.io.atomic import atomic_files
from condseg_app.io.class_files import itksnap_path, itksnap_text, sidecar_path, sidecar_text
from condseg_app.io.contents import is_zarr_name
from condseg_app.io.nifti_writer import nifti_by_parts
from condseg_app.io.regions import Put
from condseg_app.io.zarr_writer import labels_to_zarr

_LARGEST_PNG_VALUE = 255


@dataclass(frozen=True, eq=False)
class LabelParts:
    """A label map that is being written."""

    _put: Put
    _geometry: Geometry
    _dtype: np.dtype[np.unsignedinteger]

    def write(self, region: Region, values: NDArray[np.unsignedinteger]) -> None:
        """Write a box (I, J, K) of the image's own grid; boxes come in any order, the last one holds where two meet.

        Raises:
            GeometryError: the values are not of the region's shape, or it has a step.
            ClassTableError: a value is larger than that of any class.
        """
        i, j, k = (part.indices(n) for part, n in zip(region, self._geometry.shape, strict=True))
        shape = tuple(max(0, stop - start) for start, stop, _ in (i, j, k))
        if values.shape != shape or {step for _, _, step in (i, j, k)} != {1}:
            raise GeometryError(f"values of shape {values.shape} were given for a region of shape {shape}, {region}")
        if not values.size:
            return
        if values.max() > np.iinfo(self._dtype).max:
            raise ClassTableError(f"the value {values.max()} is no class's, and too large for {self._dtype}")
        self._put((slice(*i[:2]), slice(*j[:2]), slice(*k[:2])), values.astype(self._dtype, copy=False))


@contextmanager
def label_map_by_parts(
    path: Path,
    geometry: Geometry,
    classes: ClassTable,
    extra: Mapping[str, Any] | None = None,
    largest: int = 0,
) -> Iterator[LabelParts]:
    """Yield what takes a label map's boxes; the files (`label_map_files`) are there when the block is done.

    Of .nii, .nii.gz and .zarr little more than one box is in memory at a time; of .png the picture. What is never
    written is 0. If the block fails nothing is written, and what stood there before stays.

    Args:
        path: .nii or .nii.gz (exact affine; with an ITK-SNAP label description), .zarr or .ome.zarr (OME-Zarr 0.5,
            with names and colours), or .png for 2D (palette in the classes' colours). A JSON sidecar holds names,
            values, colours and terminology.
        geometry: the image's grid.
        classes: the table; its largest value decides between uint8 and uint16.
        extra: plain values for the sidecar: model, thresholds, ...
        largest: a value that occurs although it has no row.

    Raises:
        WriteError: another ending, more than the format can hold, or the disk refuses.
    """
    dtype = np.min_scalar_type(max([largest, *(entry.value for entry in classes)]))
    files = label_map_files(path)
    texts = (sidecar_text(classes, extra or {}), itksnap_text(classes))
    with atomic_files(files) as (temporary, *beside):
        with labels_by_parts(path, temporary, geometry, dtype, classes) as put:
            yield LabelParts(put, geometry, dtype)
        for file, text in zip(beside, texts, strict=False):
            file.write_text(text, encoding="utf-8", newline="")


def labels_by_parts(
    path: Path, temporary: Path, geometry: Geometry, dtype: np.dtype[np.generic], classes: ClassTable | None
) -> AbstractContextManager[Put]:
    """What writes labels into a temporary file, in the format that the path's name ends with; None for a mask's table.

    Raises:
        WriteError: another ending, or more than the format can hold.
    """
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        return nifti_by_parts(temporary, geometry, dtype, packed=name.endswith(".gz"))
    if is_zarr_name(path):
        return labels_to_zarr(temporary, geometry, dtype, classes)
    if not name.endswith(".png"):
        raise WriteError("labels are written as .nii.gz, .nii, .zarr or .png; choose one of these endings", path=path)
    if not geometry.is_2d:
        raise WriteError(f"a PNG holds one slice, this volume has {geometry.shape[2]}; choose .nii.gz", path=path)
    return _labels_to_png(path, temporary, geometry, dtype, classes)


def label_map_files(path: Path) -> tuple[Path, ...]:
    """The files that are written for a label map's path: the label map, and what lies beside it."""
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return path, sidecar_path(path), itksnap_path(path)
    return path, sidecar_path(path)


@contextmanager
def _labels_to_png(
    path: Path, temporary: Path, geometry: Geometry, dtype: np.dtype[np.generic], classes: ClassTable | None
) -> Iterator[Put]:
    """A picture has to be packed as a whole, so it is kept until then."""
    array = np.zeros(geometry.shape, dtype)
    yield array.__setitem__
    if array.max() > _LARGEST_PNG_VALUE:
        raise WriteError(f"a PNG holds class values up to 255, here is {array.max()}; choose .nii.gz", path=path)
    picture = PIL.Image.fromarray(np.ascontiguousarray(array[..., 0].T.astype(np.uint8)))
    if classes is not None:
        picture.putpalette(_palette({entry.value: entry.color for entry in classes}))
    picture.save(temporary, "PNG")


def _palette(colors: Mapping[int, Color]) -> bytes:
    """Background black, classes in their colours, values without a class grey."""
    palette = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    for value, color in colors.items():
        if value <= _LARGEST_PNG_VALUE:
            palette[value] = color
    return palette.tobytes()
