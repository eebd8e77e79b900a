"""Label maps written box by box, so that no large map has to be in memory as a whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Geometry, Region
from condseg_app.errors import ClassTableError, GeometryError
from condseg_app.io.atomic import atomic_files
from condseg_app.io.formats import label_writer
from condseg_app.io.labels.sidecar import itksnap_path, itksnap_text, sidecar_path, sidecar_text
from condseg_app.io.labels.stored import LabelGrid
from condseg_app.io.voxels.regions import Put


@dataclass(frozen=True, eq=False)
class LabelParts:
    """A label map that is being written."""

    _put: Put
    _geometry: Geometry
    _dtype: np.dtype[np.unsignedinteger]

    def write(self, region: Region, values: NDArray[np.unsignedinteger]) -> None:
        """Write a box (I, J, K) of the image's own grid; boxes come in any order, later boxes overwrite earlier boxes.

        Raises:
            GeometryError: values of another shape than the region, or a region with a step.
            ClassTableError: a value above all class values.
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
    """Yield a writer of a label map's boxes; the files (`label_map_files`) exist when the block ends.

    Memory holds little more than a box at a time, but for .png the picture. Unwritten voxels are 0. If the
    block fails, nothing is written and earlier files stay.

    Args:
        path: .nii, .nii.gz, .nrrd or .mha (exact affine; with an ITK-SNAP label description), .seg.nrrd (3D Slicer's
            segments, with names, colours and terminology), .ome.tif, .zarr or .ome.zarr (OME-Zarr 0.5, with names and
            colours), or .png for 2D (palette in the classes' colours). A JSON sidecar holds names, values, colours and
            terminology.
        geometry: the image's grid.
        classes: the table; the largest value decides between uint8 and uint16.
        extra: plain values for the sidecar: model, thresholds, ...
        largest: a value that occurs although the table has no row for the value.

    Raises:
        WriteError: another ending, a label map that the format cannot hold, or a refusing disk.
    """
    dtype = np.min_scalar_type(max([largest, *(entry.value for entry in classes)]))
    files = label_map_files(path)
    texts = (sidecar_text(classes, extra or {}), itksnap_text(classes))
    with atomic_files(files) as (temporary, *beside):
        with label_writer(path).codec.write_labels(path, temporary, LabelGrid(geometry, dtype, classes)) as put:
            yield LabelParts(put, geometry, dtype)
        for file, text in zip(beside, texts, strict=False):
            file.write_text(text, encoding="utf-8", newline="")


def label_map_files(path: Path) -> tuple[Path, ...]:
    """The files of a label map's path: the label map, and the files beside.

    Raises:
        WriteError: no format has this ending.
    """
    if label_writer(path).for_itksnap:
        return path, sidecar_path(path), itksnap_path(path)
    return path, sidecar_path(path)
