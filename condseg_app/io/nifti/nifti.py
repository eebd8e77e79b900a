"""NIfTI volumes."""

from pathlib import Path

from condseg_app.data import Image, Pick
from condseg_app.io.file_start import name_of
from condseg_app.io.labels.stored import StoredLabels
from condseg_app.io.nifti.header import read_header
from condseg_app.io.voxels.file_voxels import voxels_of


def read_nifti(path: Path, pick: Pick) -> Image:
    """Read a volume's header; voxels are read on demand.

    In a file of several volumes the fourth axis is time and the fifth is channels.

    Raises:
        ReadError: not a NIfTI file, damaged, or no volumes of numbers.
        ChoiceNeeded: the file holds several volumes, and none was chosen.
        GeometryError: the affine cannot be used.
    """
    header = read_header(path, pick)
    return Image(voxels_of(header.layout), header.geometry, name_of(path), source=path, warnings=header.warnings)


def labels_in_nifti(path: Path, pick: Pick) -> StoredLabels:
    """Read a label map's numbers, scaled by the header.

    Raises:
        ReadError, ChoiceNeeded, GeometryError: as `read_nifti`.
    """
    header = read_header(path, pick)
    layout = header.layout
    scaled = layout.dtype.kind in "iu" and (layout.slope, layout.intercept) != (1.0, 0.0)
    step = abs(layout.slope) if scaled else 0.0
    return StoredLabels(voxels_of(layout)[0], header.geometry, header.warnings, step)
