"""Reading and writing of a file format, as a value: each format's folder defines its own."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condseg_app.data import ClassTable, Geometry, Image, Pick
from condseg_app.data.regions import whole
from condseg_app.errors import WriteError
from condseg_app.io.choices import chosen_channel
from condseg_app.io.labels.stored import LabelGrid, StoredLabels, StoredSegments
from condseg_app.io.voxels.regions import Put, slabs

ReadImage = Callable[[Path, Pick], Image]
ReadLabels = Callable[[Path, Pick, Geometry | None], StoredLabels]
WriteImage = Callable[[Path, Path, Image], None]
WriteLabels = Callable[[Path, Path, LabelGrid], AbstractContextManager[Put]]


def _no_segments(path: Path, onto: Geometry | None) -> None:
    return None


def _no_classes(path: Path) -> None:
    return None


def _no_image(path: Path, temporary: Path, image: Image) -> None:
    raise WriteError("images are not written in this format; choose another ending", path=path)


def _no_labels(path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
    raise WriteError("labels are not written in this format; choose another ending", path=path)


@dataclass(frozen=True, eq=False)
class Codec:
    """Functions of a format. Readers raise ReadError, GeometryError and OutOfMemory for unreadable files.

    Attributes:
        read_image: reads an image; ChoiceNeeded for a file of several where none was picked.
        read_labels: reads all voxels in label storage form; on a grid only where the format leaves out empty space.
        segments_inside: reads segments that may overlap; None for a file without segments.
        classes_inside: the class table in the file itself, if any; ClassTableError or ValueError if unusable.
        write_image: writes an image into a temporary file (or empty folder) that will replace the path; WriteError for
            an image that the format cannot hold.
        write_labels: a writer of a label map, box by box, into a temporary file; unwritten voxels are 0. WriteError
            for a label map that the format cannot hold.
    """

    read_image: ReadImage
    read_labels: ReadLabels
    segments_inside: Callable[[Path, Geometry | None], StoredSegments | None] = _no_segments
    classes_inside: Callable[[Path], ClassTable | None] = _no_classes
    write_image: WriteImage = _no_image
    write_labels: WriteLabels = _no_labels


def labels_by(read_image: ReadImage) -> ReadLabels:
    """The reader of label maps of a format that stores these as images."""

    def read_labels(path: Path, pick: Pick, onto: Geometry | None) -> StoredLabels:
        image = read_image(path, pick)
        channel = chosen_channel(image.channels, pick, path)
        return StoredLabels(np.asarray(image.array[channel]), image.geometry, image.warnings)

    return read_labels


def image_by(write_labels: WriteLabels) -> WriteImage:
    """The writer of images of a format that stores label maps as images of a single channel."""

    def write_image(path: Path, temporary: Path, image: Image) -> None:
        if len(image.channels) != 1:
            raise WriteError(f"a volume of one channel can be written, this one has {len(image.channels)}", path=path)
        i, j, _ = whole(image.geometry.shape)
        with write_labels(path, temporary, LabelGrid(image.geometry, image.array.dtype, None)) as put:
            for k, (values,) in slabs(image.array):
                put((i, j, k), values)

    return write_image
