"""All file formats of images and label maps, in a single table.

Format-dependent code consults this table. A format's own code, its `Codec`, is imported when the first such file is
met, since most formats need a library.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import cast

from condseg_app.errors import WriteError
from condseg_app.io.codec import Codec
from condseg_app.io.dicom.files import begins_dicom, is_dicom
from condseg_app.io.file_start import nifti_version, unpacked_start

Suffixes = tuple[str, ...]
"""Endings of files' names, in small letters and with their dots."""


def _never(folder: Path) -> bool:
    return False


@dataclass(frozen=True)
class Format:
    """A file format: name, endings, and marks in its files.

    Attributes:
        name: for users.
        suffixes: endings of its files' names.
        module: of the codec, inside this package; after a colon the codec's name.
        is_own: whether a file of these first bytes is of this format.
        is_own_folder: whether a folder's content makes the folder an image of this format.
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
    module: str
    is_own: Callable[[bytes, Path], bool]
    is_own_folder: Callable[[Path], bool] = _never
    parts: Suffixes = ()
    is_folder: bool = False
    image_suffixes: Suffixes = ()
    label_suffixes: Suffixes = ()
    knows_orientation: bool = False
    for_itksnap: bool = False
    keeps: str = "exact geometry"
    loses: str = "nothing"

    @cached_property
    def codec(self) -> Codec:
        """Reading and writing."""
        module, _, name = self.module.partition(":")
        return cast("Codec", getattr(import_module(f"condseg_app.io.{module}"), name or "CODEC"))


def _starts(*starts: bytes) -> Callable[[bytes, Path], bool]:
    return lambda start, _: start.startswith(starts)


def _is_meta_image(start: bytes, path: Path) -> bool:
    return start.lstrip().lower().startswith((b"objecttype", b"ndims"))


def _is_dicom_folder(path: Path) -> bool:
    is_data_set = (path / "dataset.json").is_file() or (path / "imagesTr").is_dir()
    return not is_data_set and is_dicom(path)


def _is_zarr_folder(path: Path) -> bool:
    return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def _is_numpy(start: bytes, path: Path) -> bool:
    return start.startswith(b"\x93NUMPY") or (path.suffix.lower() == ".npz" and start.startswith(b"PK\x03\x04"))


def _is_nifti(start: bytes, path: Path) -> bool:
    return nifti_version(unpacked_start(start, path)) is not None or path.suffix.lower() in (".hdr", ".img")


_NRRD = Format(
    "NRRD",
    (".nrrd", ".nhdr", ".seg.nrrd"),
    "nrrd.codec",
    _starts(b"NRRD"),
    image_suffixes=(".nrrd",),
    label_suffixes=(".seg.nrrd", ".nrrd"),
    knows_orientation=True,
    for_itksnap=True,
)
_META_IMAGE = Format(
    "MetaImage",
    (".mha", ".mhd"),
    "meta_image.codec",
    _is_meta_image,
    image_suffixes=(".mha",),
    label_suffixes=(".mha",),
    knows_orientation=True,
    for_itksnap=True,
    keeps="exact geometry, unless its axes are sheared",
)
_DICOM = Format(
    "DICOM",
    (".dcm",),
    "dicom.codec",
    lambda start, _: begins_dicom(start),
    _is_dicom_folder,
    knows_orientation=True,
)
_TIFF = Format(
    "TIFF",
    (".tif", ".tiff", ".ome.tif", ".ome.tiff"),
    "tiff.codec",
    _starts(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    image_suffixes=(".ome.tif", ".ome.tiff"),
    label_suffixes=(".ome.tif", ".ome.tiff"),
    keeps="voxel sizes and unit; position and direction in an annotation of our own",
    loses="position and direction for other programs; sheared axes",
)
_OME_ZARR = Format(
    "OME-Zarr",
    (".zarr", ".ome.zarr"),
    "ome_zarr.codec",
    lambda start, path: False,
    _is_zarr_folder,
    is_folder=True,
    image_suffixes=(".ome.zarr", ".zarr"),
    label_suffixes=(".ome.zarr", ".zarr"),
)
_BMP = Format(
    "BMP",
    (".bmp",),
    "pictures.codec:BMP",
    _starts(b"BM"),
    keeps="pixels",
    loses="everything but pixels and colours",
)
_JPEG = replace(
    _BMP, name="JPEG", suffixes=(".jpg", ".jpeg"), module="pictures.codec:JPEG", is_own=_starts(b"\xff\xd8\xff")
)
_PNG = replace(
    _BMP,
    name="PNG",
    suffixes=(".png",),
    module="pictures.codec:PNG",
    is_own=_starts(b"\x89PNG\r\n\x1a\n"),
    image_suffixes=(".png",),
    label_suffixes=(".png",),
)
_NUMPY = Format("NumPy", (".npy", ".npz"), "numpy_file", _is_numpy, keeps="numbers", loses="where they lie")
_NIFTI = Format(
    "NIfTI",
    (".nii", ".nii.gz", ".hdr"),
    "nifti.codec",
    _is_nifti,
    parts=(".img",),
    image_suffixes=(".nii.gz", ".nii"),
    label_suffixes=(".nii.gz", ".nii"),
    knows_orientation=True,
    for_itksnap=True,
)

FORMATS = (_NRRD, _META_IMAGE, _DICOM, _TIFF, _OME_ZARR, _PNG, _JPEG, _BMP, _NUMPY, _NIFTI)
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
