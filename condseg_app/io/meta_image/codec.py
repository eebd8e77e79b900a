"""Reading and writing of MetaImage."""

from contextlib import AbstractContextManager
from pathlib import Path

from condseg_app.io.codec import Codec, image_by, labels_by
from condseg_app.io.labels.stored import LabelGrid
from condseg_app.io.meta_image.reader import read_meta_image
from condseg_app.io.meta_image.writer import meta_image_by_parts
from condseg_app.io.voxels.regions import Put


def _write_labels(path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
    return meta_image_by_parts(path, temporary, grid.geometry, grid.dtype)


CODEC = Codec(
    read_image=read_meta_image,
    read_labels=labels_by(read_meta_image),
    write_image=image_by(_write_labels),
    write_labels=_write_labels,
)
