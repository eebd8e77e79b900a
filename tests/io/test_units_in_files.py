"""The same volume in several units is the same volume, in every format that states one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import pytest
import tifffile
import zarr

from condseg_app.data import Model, Preprocessing, Reorient, Spacing
from condseg_app.data.classes import ClassTable
from condseg_app.engine.preprocess import WorkingGrid
from condseg_app.io import read_image

VOXELS = np.random.default_rng(0).integers(0, 200, (9, 11, 8)).astype(np.uint16)
MM = np.array([0.75, 0.5, 2.0])
# What a millimetre is in each.
UNITS = {"mm": 1.0, "um": 1e3, "µm": 1e3, "microns": 1e3, "nm": 1e6, "cm": 0.1, "m": 1e-3, "inch": 1 / 25.4}

Save = Callable[[Path, str], Path]


def said(path: Path, unit: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(path.read_bytes().replace(b'"UNIT"', f'"{unit}"'.encode(encoding)))
    return path


def as_nrrd(folder: Path, unit: str) -> Path:
    header = {"space": "left-posterior-superior", "space directions": np.diag(MM * UNITS[unit])}
    nrrd.write(str(folder / "a.nrrd"), VOXELS, {**header, "space units": ["UNIT"] * 3, "space origin": np.zeros(3)})
    return said(folder / "a.nrrd", unit)


def as_nrrd_by_axes(folder: Path, unit: str) -> Path:
    nrrd.write(str(folder / "b.nrrd"), VOXELS, {"spacings": MM * UNITS[unit], "units": ["UNIT"] * 3})
    return said(folder / "b.nrrd", unit)


def as_meta_image(folder: Path, unit: str) -> Path:
    sizes = " ".join(repr(float(x)) for x in MM * UNITS[unit])
    header = f"ObjectType = Image\nNDims = 3\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nElementSpacing = {sizes}\n"
    header += f"DistanceUnits = {unit}\nDimSize = 9 11 8\nElementType = MET_USHORT\nElementDataFile = LOCAL\n"
    (folder / "a.mha").write_bytes(header.encode() + VOXELS.tobytes(order="F"))
    return folder / "a.mha"


def as_imagej(folder: Path, unit: str) -> Path:
    x, y, z = MM * UNITS[unit]
    how = {"unit": unit.replace("µ", "\\u00B5"), "spacing": float(z), "axes": "ZYX"}
    tifffile.imwrite(folder / "a.tif", VOXELS.T, imagej=True, resolution=(1 / x, 1 / y), metadata=how)
    return folder / "a.tif"


def as_ome_tiff(folder: Path, unit: str) -> Path:
    sizes = {f"PhysicalSize{axis}": float(size) for axis, size in zip("XYZ", MM * UNITS[unit], strict=True)}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "XYZ"}
    tifffile.imwrite(
        folder / "a.ome.tif", VOXELS.T, photometric="minisblack", metadata={"axes": "ZYX", **sizes, **units}
    )
    return folder / "a.ome.tif"


def as_ome_zarr(folder: Path, unit: str) -> Path:
    group = zarr.create_group(folder / "a.zarr", overwrite=True)
    group.create_array("0", data=np.ascontiguousarray(VOXELS.T))
    scale = {"type": "scale", "scale": [float(x) for x in MM[::-1] * UNITS[unit]]}
    axes = [{"name": name, "type": "space", "unit": unit} for name in "zyx"]
    described: Any = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [described]}
    return folder / "a.zarr"


WRITERS = (as_nrrd, as_nrrd_by_axes, as_meta_image, as_imagej, as_ome_tiff, as_ome_zarr)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("save", WRITERS)
def test_lengths_are_those_of_the_unit(tmp_path: Path, save: Save, unit: str) -> None:
    image = read_image(save(tmp_path, unit))
    assert image.geometry.spacing_mm == pytest.approx(MM, rel=1e-4)
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert not any("unit" in warning for warning in image.warnings)


def test_a_unit_in_another_encoding(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), VOXELS, {"spacings": MM * 1000, "units": ["UNIT"] * 3})
    image = read_image(said(tmp_path / "a.nrrd", "µm", "latin-1"))
    assert image.geometry.spacing_mm == pytest.approx(MM)


@pytest.mark.parametrize("save", WRITERS)
def test_an_unknown_unit_is_pixels_and_told(tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNITS, "parsec", 1.0)
    image = read_image(save(tmp_path, "parsec"))
    assert image.geometry.unit == "pixel"
    assert any("units of length" in warning and "parsec" in warning for warning in image.warnings)


@pytest.mark.parametrize(("code", "factor"), [(1, 1e-3), (2, 1.0), (3, 1e3)])
def test_nifti_s_units_meet_a_model_s_millimetres(tmp_path: Path, code: int, factor: float) -> None:
    image = nibabel.Nifti1Image(VOXELS, np.diag([*MM * factor, 1.0]))
    image.header["xyzt_units"] = code
    image.to_filename(tmp_path / "a.nii")
    read = read_image(tmp_path / "a.nii")
    assert read.geometry.spacing_mm == pytest.approx(MM)
    model = Preprocessing("3D", (16, 16, 16), orientation=Reorient("RAS"), spacing=Spacing((1.0, 1.0, 1.0)))
    assert WorkingGrid.of(read.geometry, model).shape == (7, 6, 16)
    assert Model("m", "dense_unet", {}, model, ClassTable.from_names(["a"])).misfit(read) is None


def test_mixed_units_of_a_space_and_of_axes(tmp_path: Path) -> None:
    header = {"space": "left-posterior-superior", "space directions": np.diag([750.0, 0.5, 2.0])}
    nrrd.write(str(tmp_path / "a.nrrd"), VOXELS, {**header, "space units": ["um", "mm", "mm"]})
    assert read_image(tmp_path / "a.nrrd").geometry.spacing_mm == pytest.approx(MM)
    nrrd.write(str(tmp_path / "b.nrrd"), VOXELS, {"spacings": [0.75, 500.0, 0.2], "units": ["mm", "um", "cm"]})
    assert read_image(tmp_path / "b.nrrd").geometry.spacing_mm == pytest.approx(MM)


def test_imagej_s_units_of_single_axes(tmp_path: Path) -> None:
    how = {"unit": "mm", "yunit": "um", "zunit": "cm", "spacing": 0.2, "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "a.tif", VOXELS.T, imagej=True, resolution=(1 / 0.75, 1 / 500.0), metadata=how)
    assert read_image(tmp_path / "a.tif").geometry.spacing_mm == pytest.approx(MM, rel=1e-4)


@pytest.mark.parametrize(
    ("unit", "resolution", "spacing"), [("CENTIMETER", 25_000, 0.4), ("CENTIMETER", 28.3, None), ("INCH", 72, None)]
)
def test_a_resolution_in_centimetres_is_a_microscope_s(
    tmp_path: Path, unit: str, resolution: float, spacing: float | None
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", VOXELS[..., 0], photometric="minisblack", resolution=(resolution,) * 2, resolutionunit=unit
    )
    geometry = read_image(tmp_path / "a.tif").geometry
    assert geometry.unit == ("pixel" if spacing is None else "µm")
    assert geometry.spacing[0] == pytest.approx(1.0 if spacing is None else spacing)


@pytest.mark.parametrize("spacing", [(900.0,) * 3, (1e-3,) * 3])
def test_sizes_that_cannot_be_a_model_s_are_told_before_anything_is_done(
    tmp_path: Path, spacing: tuple[float, float, float]
) -> None:
    nibabel.Nifti1Image(VOXELS, np.diag([*spacing, 1.0])).to_filename(tmp_path / "a.nii")
    model = Model(
        "organs",
        "dense_unet",
        {},
        Preprocessing("3D", (16, 16, 16), orientation=Reorient("RAS"), spacing=Spacing((1.0, 1.0, 1.0))),
        ClassTable.from_names(["a"]),
    )
    reason = model.misfit(read_image(tmp_path / "a.nii"))
    assert reason is not None
    assert "unit of length" in reason
