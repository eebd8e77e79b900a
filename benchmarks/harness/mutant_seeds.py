"""Little files of every readable format: sound files of our own writers where possible, and real odd files."""

import io
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import PIL.Image
import tifffile
import zarr
from harness.mutant_dicom import packed, segmentation, series
from harness.mutants import Seed
from harness.report import DATA
from numpy.typing import DTypeLike

from condseg_app.data import ClassTable, Geometry, Image, LabelMap
from condseg_app.io import write_label_map
from condseg_app.io.image_files import write_image

_SHAPE = (5, 6, 4)
_AFFINE = np.array([[-0.6, -0.8, 0, 30], [0.8, -0.6, 0, -12.5], [0, 0, 1, 7], [0, 0, 0, 1]]) * [1.1, 1.3, 2.0, 1.0]
_STRAIGHT = np.diag([-1.0, -1.0, 2.0, 1.0])
_SMALL = 40_000  # bytes; only few mutants of larger files could be tried
_FORMAT_OF = {
    **dict.fromkeys((".nii", ".nii.gz", ".hdr", ".img"), "NIfTI"),
    **dict.fromkeys((".nrrd", ".nhdr"), "NRRD"),
    ".mha": "MetaImage",
    ".ome.tiff": "TIFF",
    ".ome.zarr": "OME-Zarr",
    ".dcm": "DICOM",
    ".png": "PNG",
    ".jpg": "JPEG",
}
_COMPANIONS = {".hdr": (".img",), ".img": (".hdr",), ".nhdr": (".raw",), ".tiff": (".tiff",)}
_TABLE = ClassTable.from_names(["liver", "spleen", "kidney"]).replacing("spleen", terminology="SCT:78961009")


def seeds() -> Sequence[Seed]:
    """All seeds; each call gives the same bytes."""
    found: list[Seed] = []
    for name, makers in _MAKERS.items():
        for main, make in makers.items():
            with tempfile.TemporaryDirectory() as folder:
                make(Path(folder) / main)
                found.append(Seed(name, main, files_below(Path(folder))))
    return found


def odd_seeds() -> Sequence[Seed]:
    """Small readable odd files of the data beside the project; empty without the data."""
    manifest = DATA / "odd_files" / "manifest.json"
    if not manifest.is_file():
        return ()
    found = []
    for row in json.loads(manifest.read_text(encoding="utf-8"))["files"]:
        path = manifest.parent / row["path"]
        name = _FORMAT_OF.get("".join(path.suffixes[-2:]).lower(), _FORMAT_OF.get(path.suffix.lower()))
        if name is None or not row["expect"].startswith(("load", "ask")) or not path.exists():
            continue
        files = _with_companions(path)
        if sum(map(len, files.values())) <= _SMALL:
            found.append(Seed(name, path.name, files))
    return found


def _with_companions(path: Path) -> Mapping[str, bytes]:
    """A file with the companions that the header may name, or a folder with all content."""
    if path.is_dir():
        return {f"{path.name}/{name}": content for name, content in files_below(path).items()}
    endings = _COMPANIONS.get(path.suffix.lower(), ())
    beside = [other for other in path.parent.iterdir() if other.suffix.lower() in endings]
    return {other.name: other.read_bytes() for other in {path, *beside} if other.is_file()}


def files_below(folder: Path) -> Mapping[str, bytes]:
    """Names below a folder -> content."""
    below = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in below}


def _voxels(dtype: DTypeLike, *more: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 250, (*more, *_SHAPE)).astype(dtype)


def _image(dtype: DTypeLike, affine: Any = _AFFINE) -> Image:
    return Image(_voxels(dtype, 1), Geometry(_SHAPE, affine), "volume")


def _volume(path: Path) -> None:
    write_image(path, _image(np.int16))


def _fractions(path: Path) -> None:
    write_image(path, _image(np.float32, _STRAIGHT))


def _labels(path: Path) -> None:
    values = np.random.default_rng(1).choice(np.array([0, 1, 2, 3], np.uint8), _SHAPE)
    write_label_map(path, LabelMap(values, Geometry(_SHAPE, _AFFINE), _TABLE))


def _labels_alone(path: Path) -> None:
    _labels(path)
    for other in path.parent.iterdir():
        if other.name != path.name:
            other.unlink()


def _four_axes(path: Path) -> None:
    nibabel.Nifti1Image(np.moveaxis(_voxels(np.uint8, 2), 0, -1), _AFFINE).to_filename(path)


def _second_version(path: Path) -> None:
    image = nibabel.Nifti2Image(_voxels(np.int16), _AFFINE)
    image.header.set_slope_inter(2.0, -1.0)
    image.to_filename(path)


def _pair(path: Path) -> None:
    nibabel.Nifti1Pair(_voxels(np.int16), _AFFINE).to_filename(path)


def _nrrd_header(path: Path) -> None:
    (path.parent / "voxels.raw").write_bytes(_voxels(np.int16).tobytes(order="F"))
    lines = (
        "NRRD0004",
        "type: short",
        "dimension: 3",
        "space: left-posterior-superior",
        "sizes: 5 6 4",
        "kinds: domain domain domain",
        "space directions: (1,0,0) (0,1,0) (0,0,2)",
        "endian: little",
        "encoding: raw",
        "space origin: (0,0,0)",
        "data file: voxels.raw",
    )
    path.write_text("\n".join(lines) + "\n\n")


def _nrrd_colours(path: Path) -> None:
    lines = (
        "NRRD0004",
        "type: uchar",
        "dimension: 4",
        "sizes: 3 5 6 4",
        "kinds: RGB-color domain domain domain",
        "encoding: raw",
        "spacings: nan 1 1 2",
        "line skip: 0",
        "byte skip: -1",
    )
    path.write_bytes(("\n".join(lines) + "\n\n").encode() + _voxels(np.uint8, 3).tobytes(order="F"))


def _meta_header(path: Path) -> None:
    (path.parent / "voxels.raw").write_bytes(_voxels(np.int16).tobytes(order="F"))
    lines = (
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = False",
        "TransformMatrix = 1 0 0 0 1 0 0 0 1",
        "Offset = 0 0 0",
        "ElementSpacing = 1 1 2",
        "DimSize = 5 6 4",
        "ElementNumberOfChannels = 1",
        "ElementType = MET_SHORT",
        "ElementDataFile = voxels.raw",
    )
    path.write_text("\n".join(lines) + "\n")


def _imagej(path: Path) -> None:
    metadata = {"unit": "um", "spacing": 2.0, "axes": "ZYX"}
    tifffile.imwrite(
        path,
        _voxels(np.uint16).T,
        imagej=True,
        resolution=(2.0, 2.0),
        metadata=metadata,
        datetime="2000:01:01 00:00:00",
    )


def _pages(path: Path) -> None:
    tifffile.imwrite(path, _voxels(np.uint8).T, compression="zlib", metadata=None, photometric="minisblack")


def _tiff_colours(path: Path) -> None:
    tifffile.imwrite(path, np.moveaxis(_voxels(np.uint8, 3)[..., 0], 0, -1), photometric="rgb", metadata=None)


def _pillows(path: Path) -> None:
    PIL.Image.fromarray(_voxels(np.uint8)[..., 0]).convert("P").save(path, compression="tiff_lzw")


def _old_zarr(path: Path) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    array = group.create_array("0", shape=(2, 4, 6, 5), chunks=(1, 2, 6, 5), dtype="uint16", compressors="auto")
    array[...] = _voxels(np.uint16, 2).transpose(0, 3, 2, 1)
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]
    scale = [{"type": "scale", "scale": [1.0, 2.0, 0.5, 0.5]}]
    image: dict[str, Any] = {
        "version": "0.4",
        "axes": [{"name": "c"}, *axes],
        "datasets": [{"path": "0", "coordinateTransformations": scale}],
    }
    group.attrs.update({"multiscales": [image], "omero": {"channels": [{"label": "a"}, {"label": "b"}]}})


def _plain_zarr(path: Path) -> None:
    array = zarr.create_array(path, shape=(9, 6, 5), chunks=(3, 6, 5), dtype="float32", compressors=None)
    array[...] = np.arange(270, dtype=np.float32).reshape(9, 6, 5)


def _picture(path: Path, mode: str = "RGB") -> None:
    dtype = np.uint16 if mode.startswith("I") else np.uint8
    pixels = _voxels(dtype, 3) if mode == "RGB" else _voxels(dtype, 1)
    shown = pixels[..., 0].transpose(2, 1, 0) if mode == "RGB" else pixels[0, ..., 0].T
    picture = PIL.Image.fromarray(np.ascontiguousarray(shown))
    (picture.convert("P") if mode == "P" else picture).save(path)


def _numpy(path: Path) -> None:
    np.save(path, _voxels(np.int16).T)


def _numpy_four(path: Path) -> None:
    np.save(path, np.asfortranarray(_voxels(np.float32, 2).transpose(0, 3, 2, 1)))


def _archive(path: Path) -> None:
    packed = io.BytesIO()
    np.savez_compressed(packed, volume=_voxels(np.int16).T)
    path.write_bytes(packed.getvalue())


_MAKERS: Mapping[str, Mapping[str, Callable[[Path], None]]] = {
    "NIfTI": {
        "a.nii.gz": _volume,
        "b.nii": _fractions,
        "c.nii.gz": _four_axes,
        "d.nii": _second_version,
        "e.hdr": _pair,
        "f.nii.gz": _labels_alone,
    },
    "NRRD": {"a.nrrd": _volume, "b.seg.nrrd": _labels_alone, "c.nhdr": _nrrd_header, "d.nrrd": _nrrd_colours},
    "MetaImage": {"a.mha": _volume, "b.mha": _labels_alone, "c.mhd": _meta_header},
    "TIFF": {
        "a.ome.tif": _volume,
        "b.tif": _imagej,
        "c.tif": _pages,
        "d.tif": _tiff_colours,
        "e.tif": _pillows,
        "f.ome.tiff": _labels_alone,
    },
    "OME-Zarr": {"a.ome.zarr": _volume, "b.zarr": _old_zarr, "c.zarr": _plain_zarr, "d.ome.zarr": _labels_alone},
    "PNG": {
        "a.png": _picture,
        "b.png": lambda p: _picture(p, "L"),
        "c.png": lambda p: _picture(p, "I;16"),
        "d.png": lambda p: _picture(p, "P"),
    },
    "JPEG": {"a.jpg": _picture, "b.jpg": lambda p: _picture(p, "L")},
    "BMP": {"a.bmp": _picture, "b.bmp": lambda p: _picture(p, "L")},
    "NumPy": {"a.npy": _numpy, "b.npy": _numpy_four, "c.npz": _archive},
    "DICOM": {"a": series, "b.dcm": packed, "c.dcm": segmentation},
    "class tables": {"a.nii.gz": _labels, "b.ome.zarr": _labels, "c.seg.nrrd": _labels},
}
