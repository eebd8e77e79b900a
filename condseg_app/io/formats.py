"""All file formats of images and label maps, in a single table.

Format-dependent code consults this table. A format's own code is in a separate file, imported
when the first such file is met, since most formats need a library.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np

from condseg_app.data import ClassTable, Geometry, Image, Pick
from condseg_app.errors import ReadError, WriteError
from condseg_app.io.choices import chosen_channel
from condseg_app.io.labels.stored import LabelGrid, StoredLabels, StoredSegments
from condseg_app.io.voxels.regions import Put

Suffixes = tuple[str, ...]
"""Endings of files' names, in small letters and with their dots."""


class Format(Protocol):
    """A file format: recognising, reading and writing.

    Attributes:
        name: for users.
        suffixes: endings of its files' names.
        parts: endings of further files of the same image or label map; folder searches skip these.
        is_folder: whether the format's 'files' are folders.
        image_suffixes: the suffixes for writing images.
        label_suffixes: the suffixes for writing label maps.
        knows_orientation: whether files state the patient's orientation.
        for_itksnap: whether ITK-SNAP opens the format, and so wants a label description beside the file.
        keeps: preserved parts of an image's or label map's grid and numbers, for users.
        loses: lost parts.
    """

    name: str
    suffixes: Suffixes
    parts: Suffixes
    is_folder: bool
    image_suffixes: Suffixes
    label_suffixes: Suffixes
    knows_orientation: bool
    for_itksnap: bool
    keeps: str
    loses: str

    def is_own(self, start: bytes, path: Path) -> bool:
        """Whether a file of these first bytes is of this format."""
        ...

    def is_own_folder(self, path: Path) -> bool:
        """Whether a folder's content makes the folder an image of this format."""
        ...

    def read_image(self, path: Path, pick: Pick) -> Image:
        """Read an image; ChoiceNeeded for a file of several where none was picked.

        Raises:
            ReadError, GeometryError, OutOfMemory: an unreadable file.
        """
        ...

    def read_labels(self, path: Path, pick: Pick, onto: Geometry | None) -> StoredLabels:
        """Read all voxels in label storage form; on a grid only where the format leaves out empty space.

        Raises:
            ReadError, GeometryError, OutOfMemory: an unreadable file.
        """
        ...

    def segments_inside(self, path: Path, onto: Geometry | None) -> StoredSegments | None:
        """Read segments that may overlap, of a format that stores segments separately; None without segments.

        Raises:
            ReadError, GeometryError, OutOfMemory: an unreadable file.
        """
        ...

    def classes_inside(self, path: Path) -> ClassTable | None:
        """The class table in the file itself, if any.

        Raises:
            ReadError, ClassTableError, ValueError: an unusable table.
        """
        ...

    def write_image(self, path: Path, temporary: Path, image: Image) -> None:
        """Write an image into a temporary file (or empty folder) that will replace the path.

        Raises:
            WriteError: an image that the format cannot hold.
        """
        ...

    def write_labels(self, path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
        """A writer of a label map, box by box, into a temporary file; unwritten voxels are 0.

        Raises:
            WriteError: a label map that the format cannot hold.
        """
        ...


class _Readable:
    """Defaults of most formats; a format that can be written overrides the writing methods."""

    name: str
    suffixes: Suffixes
    parts: Suffixes = ()
    is_folder = False
    image_suffixes: Suffixes = ()
    label_suffixes: Suffixes = ()
    knows_orientation = False
    for_itksnap = False
    starts: tuple[bytes, ...] = ()
    keeps = "exact geometry"
    loses = "nothing"

    def is_own(self, start: bytes, path: Path) -> bool:
        return start.startswith(self.starts)

    def is_own_folder(self, path: Path) -> bool:
        return False

    def read_image(self, path: Path, pick: Pick) -> Image:
        raise ReadError(f"{self.name} is not read; choose another file", path=path)

    def read_labels(self, path: Path, pick: Pick, onto: Geometry | None) -> StoredLabels:
        image = self.read_image(path, pick)
        channel = chosen_channel(image.channels, pick, path)
        return StoredLabels(np.asarray(image.array[channel]), image.geometry, image.warnings)

    def segments_inside(self, path: Path, onto: Geometry | None) -> StoredSegments | None:
        return None

    def classes_inside(self, path: Path) -> ClassTable | None:
        return None

    def write_image(self, path: Path, temporary: Path, image: Image) -> None:
        raise WriteError(f"{self.name} is not written; choose another ending", path=path)

    def write_labels(self, path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
        raise WriteError(f"{self.name} is not written; choose another ending", path=path)


class _Nifti(_Readable):
    name = "NIfTI"
    suffixes: Suffixes = (".nii", ".nii.gz", ".hdr")
    parts: Suffixes = (".img",)
    image_suffixes: Suffixes = (".nii.gz", ".nii")
    label_suffixes: Suffixes = image_suffixes
    knows_orientation = True
    for_itksnap = True

    def is_own(self, start: bytes, path: Path) -> bool:
        from condseg_app.io.file_start import nifti_version, unpacked_start

        return nifti_version(unpacked_start(start, path)) is not None or path.suffix.lower() in (".hdr", ".img")

    def read_image(self, path: Path, pick: Pick) -> Image:
        from condseg_app.io.nifti.nifti import read_nifti

        return read_nifti(path, pick)

    def read_labels(self, path: Path, pick: Pick, onto: Geometry | None) -> StoredLabels:
        from condseg_app.io.nifti.nifti import labels_in_nifti

        return labels_in_nifti(path, pick)

    def classes_inside(self, path: Path) -> ClassTable | None:
        from condseg_app.io.nifti.classes import classes_in_nifti

        return classes_in_nifti(path)

    def write_image(self, path: Path, temporary: Path, image: Image) -> None:
        from condseg_app.io.nifti.writer import image_to_nifti

        image_to_nifti(path, temporary, image)

    def write_labels(self, path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
        from condseg_app.io.nifti.writer import nifti_by_parts

        return nifti_by_parts(temporary, grid.geometry, grid.dtype, packed=path.name.lower().endswith(".gz"))


class _Nrrd(_Readable):
    name = "NRRD"
    suffixes: Suffixes = (".nrrd", ".nhdr", ".seg.nrrd")
    image_suffixes: Suffixes = (".nrrd",)
    label_suffixes: Suffixes = (".seg.nrrd", ".nrrd")
    knows_orientation = True
    for_itksnap = True
    starts = (b"NRRD",)

    def read_image(self, path: Path, pick: Pick) -> Image:
        from condseg_app.io.nrrd.nrrd import read_nrrd

        return read_nrrd(path, pick)

    def read_labels(self, path: Path, pick: Pick, onto: Geometry | None) -> StoredLabels:
        from condseg_app.io.nrrd.segments import read_segments

        return read_segments(path) or super().read_labels(path, pick, onto)

    def segments_inside(self, path: Path, onto: Geometry | None) -> StoredSegments | None:
        from condseg_app.io.nrrd.segments import segments_in_nrrd

        return segments_in_nrrd(path)

    def classes_inside(self, path: Path) -> ClassTable | None:
        from condseg_app.io.nrrd.segments import classes_in_nrrd

        return classes_in_nrrd(path)

    def write_image(self, path: Path, temporary: Path, image: Image) -> None:
        from condseg_app.io.nrrd.writer import image_to_nrrd

        image_to_nrrd(path, temporary, image)

    def write_labels(self, path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
        from condseg_app.io.nrrd.writer import labels_to_nrrd

        return labels_to_nrrd(path, temporary, grid)


class _MetaImage(_Readable):
    name = "MetaImage"
    suffixes: Suffixes = (".mha", ".mhd")
    image_suffixes: Suffixes = (".mha",)
    label_suffixes: Suffixes = image_suffixes
    knows_orientation = True
    for_itksnap = True
    keeps = "exact geometry, unless its axes are sheared"

    def is_own(self, start: bytes, path: Path) -> bool:
        return start.lstrip().lower().startswith((b"objecttype", b"ndims"))

    def read_image(self, path: Path, pick: Pick) -> Image:
        from condseg_app.io.meta_image.reader import read_meta_image

        return read_meta_image(path, pick)

    def write_image(self, path: Path, temporary: Path, image: Image) -> None:
        from condseg_app.io.meta_image.writer import image_to_meta_image

        image_to_meta_image(path, temporary, image)

    def write_labels(self, path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
        from condseg_app.io.meta_image.writer import meta_image_by_parts

        return meta_image_by_parts(path, temporary, grid.geometry, grid.dtype)


class _Dicom(_Readable):
    name = "DICOM"
    suffixes: Suffixes = (".dcm",)
    knows_orientation = True

    def is_own(self, start: bytes, path: Path) -> bool:
        from condseg_app.io.dicom.files import begins_dicom

        return begins_dicom(start)

    def is_own_folder(self, path: Path) -> bool:
        from condseg_app.io.dicom.files import is_dicom

        is_data_set = (path / "dataset.json").is_file() or (path / "imagesTr").is_dir()
        return not is_data_set and is_dicom(path)

    def read_image(self, path: Path, pick: Pick) -> Image:
        from condseg_app.io.dicom.series import read_dicom

        return read_dicom(path, pick)

    def read_labels(self, path: Path, pick: Pick, onto: Geometry | None) -> StoredLabels:
        from condseg_app.io.dicom.seg import is_dicom_seg, labels_in_dicom

        return labels_in_dicom(path, onto) if is_dicom_seg(path) else super().read_labels(path, pick, onto)

    def segments_inside(self, path: Path, onto: Geometry | None) -> StoredSegments | None:
        from condseg_app.io.dicom.seg import is_dicom_seg, read_dicom_seg

        return read_dicom_seg(path, onto) if is_dicom_seg(path) else None

    def classes_inside(self, path: Path) -> ClassTable | None:
        from condseg_app.io.dicom.seg import classes_in_dicom, is_dicom_seg

        return classes_in_dicom(path) if is_dicom_seg(path) else None


class _Tiff(_Readable):
    name = "TIFF"
    suffixes: Suffixes = (".tif", ".tiff", ".ome.tif", ".ome.tiff")
    image_suffixes: Suffixes = (".ome.tif", ".ome.tiff")
    label_suffixes: Suffixes = image_suffixes
    starts = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
    keeps = "voxel sizes and unit; position and direction in an annotation of our own"
    loses = "position and direction for other programs; sheared axes"

    def read_image(self, path: Path, pick: Pick) -> Image:
        from condseg_app.io.tiff.reader import read_tiff

        return read_tiff(path, pick)

    def read_labels(self, path: Path, pick: Pick, onto: Geometry | None) -> StoredLabels:
        from condseg_app.io.tiff.reader import labels_in_tiff

        return labels_in_tiff(path, pick)

    def write_image(self, path: Path, temporary: Path, image: Image) -> None:
        from condseg_app.io.tiff.writer import image_to_tiff

        image_to_tiff(path, temporary, image)

    def write_labels(self, path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
        from condseg_app.io.tiff.writer import labels_to_tiff

        return labels_to_tiff(path, temporary, grid)


class _OmeZarr(_Readable):
    name = "OME-Zarr"
    suffixes: Suffixes = (".zarr", ".ome.zarr")
    is_folder = True
    image_suffixes: Suffixes = (".ome.zarr", ".zarr")
    label_suffixes: Suffixes = image_suffixes

    def is_own(self, start: bytes, path: Path) -> bool:
        return False

    def is_own_folder(self, path: Path) -> bool:
        return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))

    def read_image(self, path: Path, pick: Pick) -> Image:
        from condseg_app.io.ome_zarr.reader import read_zarr

        return read_zarr(path, pick)

    def classes_inside(self, path: Path) -> ClassTable | None:
        from condseg_app.io.ome_zarr.reader import classes_in_zarr

        return classes_in_zarr(path)

    def write_image(self, path: Path, temporary: Path, image: Image) -> None:
        from condseg_app.io.ome_zarr.writer import image_to_zarr

        image_to_zarr(path, temporary, image)

    def write_labels(self, path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
        from condseg_app.io.ome_zarr.writer import labels_to_zarr

        return labels_to_zarr(temporary, grid.geometry, grid.dtype, grid.classes)


class _Picture(_Readable):
    keeps = "pixels"
    loses = "everything but pixels and colours"

    def __init__(self, name: str, suffixes: Suffixes, start: bytes) -> None:
        self.name, self.suffixes, self.starts = name, suffixes, (start,)

    def read_image(self, path: Path, pick: Pick) -> Image:
        from condseg_app.io.pictures.reader import read_picture

        return read_picture(path)

    def read_labels(self, path: Path, pick: Pick, onto: Geometry | None) -> StoredLabels:
        from condseg_app.io.pictures.reader import read_indices

        return read_indices(path)


class _Png(_Picture):
    image_suffixes: Suffixes = (".png",)
    label_suffixes: Suffixes = image_suffixes

    def write_image(self, path: Path, temporary: Path, image: Image) -> None:
        from condseg_app.io.pictures.writer import image_to_png

        image_to_png(path, temporary, image)

    def write_labels(self, path: Path, temporary: Path, grid: LabelGrid) -> AbstractContextManager[Put]:
        from condseg_app.io.pictures.writer import labels_to_png

        return labels_to_png(path, temporary, grid)


class _Jpeg(_Picture):
    def read_labels(self, path: Path, pick: Pick, onto: Geometry | None) -> StoredLabels:
        raise ReadError("JPEG changes values, so it cannot hold labels; save them as PNG", path=path)


class _NumPy(_Readable):
    name = "NumPy"
    suffixes: Suffixes = (".npy", ".npz")
    keeps, loses = "numbers", "where they lie"

    def is_own(self, start: bytes, path: Path) -> bool:
        return start.startswith(b"\x93NUMPY") or (path.suffix.lower() == ".npz" and start.startswith(b"PK\x03\x04"))

    def read_image(self, path: Path, pick: Pick) -> Image:
        from condseg_app.io.numpy_file import read_numpy

        return read_numpy(path, pick)


FORMATS: tuple[Format, ...] = (
    _Nrrd(),
    _MetaImage(),
    _Dicom(),
    _Tiff(),
    _OmeZarr(),
    _Png("PNG", (".png",), b"\x89PNG\r\n\x1a\n"),
    _Jpeg("JPEG", (".jpg", ".jpeg"), b"\xff\xd8\xff"),
    _Picture("BMP", (".bmp",), b"BM"),
    _NumPy(),
    _Nifti(),
)
"""All formats, in the order of recognition: the first match counts.

DICOM precedes TIFF, since DICOM files may begin as a TIFF does; NIfTI is last, since pairs are recognised by name.
"""


def has_suffix(path: Path, suffixes: Suffixes) -> bool:
    """Whether a name ends with any of some endings, ignoring case."""
    return path.name.lower().endswith(suffixes)


def image_writer(path: Path) -> Format:
    """The format that an image of this name is written in.

    Raises:
        WriteError: none has this ending.
    """
    return _writer(path, {form: form.image_suffixes for form in FORMATS}, "images")


def label_writer(path: Path) -> Format:
    """The format that a label map of this name is written in.

    Raises:
        WriteError: none has this ending.
    """
    return _writer(path, {form: form.label_suffixes for form in FORMATS}, "labels")


def _writer(path: Path, endings: Mapping[Format, Suffixes], what: str) -> Format:
    for form, suffixes in endings.items():
        if has_suffix(path, suffixes):
            return form
    known = ", ".join(suffix for suffixes in endings.values() for suffix in suffixes)
    raise WriteError(f"{what} are written as {known}; choose one of these endings", path=path)
