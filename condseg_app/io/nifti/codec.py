"""Reading and writing of NIfTI."""

from contextlib import AbstractContextManager
from pathlib import Path

from condseg_app.io.codec import Codec, image_by
from condseg_app.io.labels.stored import LabelGrid
from condseg_app.io.nifti.classes import classes_in_nifti
from condseg_app.io.nifti.nifti import labels_in_nifti, read_nifti
from condseg_app.io.nifti.writer import nifti_by_parts
from condseg_app.io.voxels.regions import Put


def _write_labels(path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
    return nifti_by_parts(temporary, grid.geometry, grid.dtype, packed=path.name.lower().endswith(".gz"))


CODEC = Codec(
    read_image=read_nifti,
    read_labels=lambda path, pick, _: labels_in_nifti(path, pick),
    classes_inside=classes_in_nifti,
    write_image=image_by(_write_labels),
    write_labels=_write_labels,
)
