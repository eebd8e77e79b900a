"""Headers whose parts contradict each other, or of which one cannot be used: a sound part is taken, and it is told."""

from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from condseg_app.errors import GeometryError
from condseg_app.io import read_image

VOXELS = np.random.default_rng(0).integers(0, 200, (9, 11, 8)).astype(np.int16)
SIZES = (0.75, 0.5, 2.0)
AFFINE = np.diag([-0.75, 0.5, 2.0, 1.0])
AFFINE[:3, 3] = (30, -20, 5)
NAN = float("nan")
METAIMAGE = """ObjectType = Image
NDims = 3
TransformMatrix = {matrix}
Offset = {offset}
ElementSpacing = {sizes}
DimSize = 9 11 8
ElementType = MET_SHORT
ElementDataFile = LOCAL
"""


def nifti(folder: Path, voxels: Any = VOXELS, *, sform: Any = AFFINE, qform: Any = AFFINE, **fields: Any) -> Path:
    image = nibabel.Nifti1Image(voxels, None)
    image.header.set_qform(qform, 1)
    image.header.set_sform(sform, 1)
    for name, value in fields.items():
        image.header[name] = value
    block = image.header.binaryblock + bytes(4) + np.asarray(voxels).tobytes(order="F")
    (folder / "a.nii").write_bytes(block)
    return folder / "a.nii"


def moved(*by: float) -> Any:
    affine = AFFINE.copy()
    affine[:3, 3] += by
    return affine


def test_parts_that_agree_are_not_told(tmp_path: Path) -> None:
    image = read_image(nifti(tmp_path))
    assert image.warnings == ()
    assert np.allclose(image.geometry.affine, AFFINE)


@pytest.mark.parametrize(
    ("qform", "distance"),
    [(moved(15, 0, 0), "15 mm"), (moved(0, -0.1, 0), "0.1 mm"), (AFFINE * [[-1], [1], [1], [1]], "60 mm")],
)
def test_a_qform_elsewhere_is_told_with_the_distance(tmp_path: Path, qform: Any, distance: str) -> None:
    image = read_image(nifti(tmp_path, qform=qform))
    assert np.allclose(image.geometry.affine, AFFINE)
    assert f"its sform and its qform place it up to {distance} apart; the sform is taken" in image.warnings[0]


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_the_distance_is_in_the_file_s_unit(tmp_path: Path, code: int) -> None:
    image = read_image(nifti(tmp_path, qform=moved(15, 0, 0), xyzt_units=code))
    assert {0: "15 mm", 1: "1.5e+04 mm", 2: "15 mm", 3: "15 µm"}[code] in image.warnings[0]


def test_sizes_that_are_not_the_sform_s_are_told(tmp_path: Path) -> None:
    image = read_image(nifti(tmp_path, qform_code=0, pixdim=[1, 1, 1, 1, 0, 0, 0, 0]))
    assert image.geometry.spacing == pytest.approx(SIZES)
    assert "0.75 x 0.5 x 2 by its sform, 1 x 1 x 1 by its pixdim; the former are taken" in image.warnings[0]


@pytest.mark.parametrize("broken", [np.zeros((4, 4)), np.full((4, 4), NAN), np.ones((4, 4))])
def test_a_broken_sform_leaves_the_qform(tmp_path: Path, broken: Any) -> None:
    image = read_image(nifti(tmp_path, srow_x=broken[0], srow_y=broken[1], srow_z=broken[2]))
    assert np.allclose(image.geometry.affine, AFFINE, atol=1e-5)
    assert image.warnings == ("its sform cannot be used; its qform is taken",)


@pytest.mark.parametrize("fields", [{"quatern_b": 3.0}, {"quatern_c": NAN}, {"qoffset_x": NAN}])
def test_a_broken_qform_leaves_the_sform_or_the_sizes(tmp_path: Path, fields: dict[str, float]) -> None:
    image = read_image(nifti(tmp_path, **fields))
    assert np.allclose(image.geometry.affine, AFFINE)
    assert "qform cannot be used; its sform is taken" in image.warnings[0]
    image = read_image(nifti(tmp_path, sform_code=0, **fields))
    assert image.geometry.spacing == pytest.approx(SIZES)
    assert "qform cannot be used; its voxel sizes are taken" in image.warnings[0]
    assert "left and right" in image.warnings[1]


def test_a_sign_is_not_a_missing_size(tmp_path: Path) -> None:
    negative = [1, -0.75, 0.5, -2.0, 0, 0, 0, 0]
    for fields in ({"sform_code": 0}, {"sform_code": 0, "qform_code": 0}):
        image = read_image(nifti(tmp_path, pixdim=negative, **fields))
        assert image.geometry.spacing == pytest.approx(SIZES)
        assert any("negative" in warning for warning in image.warnings)


def test_a_qform_s_handedness_of_zero_is_one(tmp_path: Path) -> None:
    right = np.diag([0.75, 0.5, 2.0, 1.0])
    image = read_image(nifti(tmp_path, qform=right, sform_code=0, pixdim=[0, *SIZES, 0, 0, 0, 0]))
    assert np.allclose(image.geometry.affine, right)


def test_no_sizes_and_a_sound_sform(tmp_path: Path) -> None:
    image = read_image(nifti(tmp_path, pixdim=[1, 0, 0, 0, 0, 0, 0, 0]))
    assert np.allclose(image.geometry.affine, AFFINE)
    assert "qform cannot be used" in image.warnings[0] or "pixdim" in image.warnings[0]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("value", [0.0, NAN])
@pytest.mark.parametrize("form", ["sform", "qform", "sizes"])
def test_the_axis_of_one_slice_needs_no_length(tmp_path: Path, axis: int, value: float, form: str) -> None:
    voxels = np.take(VOXELS, [0], axis=axis)
    sform = AFFINE.copy()
    sform[:3, axis] = value
    sizes = [1, *SIZES, 0, 0, 0, 0]
    sizes[1 + axis] = value
    fields: dict[str, Any] = {f"srow_{name}": row for name, row in zip("xyz", sform[:3], strict=True)}
    codes = {"sform": (1, 0), "qform": (0, 1), "sizes": (0, 0)}[form]
    image = read_image(nifti(tmp_path, voxels, pixdim=sizes, sform_code=codes[0], qform_code=codes[1], **fields))
    kept = [n for n in range(3) if n != axis]
    assert np.array(image.geometry.spacing)[kept] == pytest.approx(np.array(SIZES)[kept])
    assert np.array_equal(image.voxels()[0], voxels)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, -1.0, 1.0, 1e38, NAN, float("inf"), -float("inf")]), min_size=19, max_size=19),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
def test_no_header_leads_to_anything_but_a_grid_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float], codes: tuple[int, int]
) -> None:
    fields: dict[str, Any] = {"srow_x": numbers[:4], "srow_y": numbers[4:8], "srow_z": numbers[8:12]}
    fields |= {"pixdim": [*numbers[12:16], 0, 0, 0, 0], "quatern_b": numbers[16], "qoffset_x": numbers[17]}
    path = nifti(tmp_path_factory.mktemp("n"), sform_code=codes[0], qform_code=codes[1], **fields)
    try:
        image = read_image(path)
    except GeometryError as error:
        sentence = str(error)
    else:
        assert np.isfinite(image.geometry.affine).all()
        return
    assert "repair the file's header" in sentence


# NRRD


def save_nrrd(folder: Path, **fields: Any) -> Path:
    wanted = {"space": "left-posterior-superior", "space directions": np.diag(SIZES), "space origin": np.ones(3)}
    nrrd.write(str(folder / "a.nrrd"), VOXELS, {**wanted, **{k.replace("_", " "): v for k, v in fields.items()}})
    return folder / "a.nrrd"


def test_nrrd_s_spacings_against_its_directions(tmp_path: Path) -> None:
    assert read_image(save_nrrd(tmp_path, spacings=list(SIZES))).warnings == ()
    image = read_image(save_nrrd(tmp_path, spacings=[1.0, 1.0, 1.0]))
    assert image.geometry.spacing == pytest.approx(SIZES)
    assert "0.75 x 0.5 x 2 by its space directions, 1 x 1 x 1 by its spacings" in image.warnings[0]


def test_nrrd_s_broken_parts(tmp_path: Path) -> None:
    image = read_image(save_nrrd(tmp_path, space_directions=np.zeros((3, 3)), spacings=list(SIZES)))
    assert image.geometry.spacing == pytest.approx(SIZES)
    assert "space directions cannot be used; its spacings are taken" in image.warnings[0]
    image = read_image(save_nrrd(tmp_path, space_origin=np.array([NAN, 0, 0])))
    assert image.geometry.affine[:3, 3].tolist() == [0, 0, 0]
    assert "origin" in image.warnings[0]
    with pytest.raises(GeometryError):
        read_image(save_nrrd(tmp_path, space_directions=np.zeros((3, 3))))


def test_nrrd_s_sign_is_not_a_missing_size(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), VOXELS, {"spacings": [0.75, 0.5, -2.0]})
    image = read_image(tmp_path / "a.nrrd")
    assert image.geometry.spacing == pytest.approx(SIZES)
    assert any("negative" in warning for warning in image.warnings)


def test_nrrd_without_sizes_says_so(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), VOXELS, {})
    assert any("1 mm is taken" in warning for warning in read_image(tmp_path / "a.nrrd").warnings)


# MetaImage


def meta_image(
    folder: Path, matrix: str = "1 0 0 0 1 0 0 0 1", sizes: str = "0.75 0.5 2", offset: str = "0 0 0"
) -> Path:
    header = METAIMAGE.format(matrix=matrix, sizes=sizes, offset=offset).encode()
    (folder / "a.mha").write_bytes(header + VOXELS.tobytes(order="F"))
    return folder / "a.mha"


def test_a_matrix_that_holds_sizes_too_is_told_and_not_applied_twice(tmp_path: Path) -> None:
    image = read_image(meta_image(tmp_path, matrix="0.75 0 0 0 0.5 0 0 0 2"))
    assert image.geometry.spacing == pytest.approx(SIZES)
    assert "TransformMatrix have the lengths 0.75 x 0.5 x 2 instead of 1" in image.warnings[0]


def test_a_negative_size_turns_its_axis_round_as_itk_does(tmp_path: Path) -> None:
    image = read_image(meta_image(tmp_path, sizes="0.75 0.5 -2"))
    assert image.geometry.spacing == pytest.approx(SIZES)
    assert image.geometry.orientation == "LPI"


def test_element_size_against_element_spacing(tmp_path: Path) -> None:
    image = read_image(meta_image(tmp_path, sizes="0.75 0.5 2\nElementSize = 1 1 1"))
    assert image.geometry.spacing == pytest.approx(SIZES)
    assert "0.75 x 0.5 x 2 by its ElementSpacing, 1 x 1 x 1 by its ElementSize" in image.warnings[0]


def test_an_offset_that_is_no_place_is_told(tmp_path: Path) -> None:
    image = read_image(meta_image(tmp_path, offset="nan 0 0"))
    assert image.geometry.affine[:3, 3].tolist() == [0, 0, 0]
    assert "Offset" in image.warnings[0]


# TIFF and Zarr


def imagej(folder: Path, **metadata: Any) -> Path:
    how = {"axes": "ZYX", "unit": "um", **metadata}
    tifffile.imwrite(folder / "a.tif", VOXELS.T.astype(np.uint8), imagej=True, resolution=(2.0, 4.0), metadata=how)
    return folder / "a.tif"


def test_imagej_s_negative_step(tmp_path: Path) -> None:
    image = read_image(imagej(tmp_path, spacing=-2.0))
    assert image.geometry.spacing == pytest.approx((0.5, 0.25, 2.0))
    assert image.warnings == ("its size along z is -2 um; it is taken without its sign",)


@pytest.mark.parametrize("spacing", [0.0, NAN])
def test_imagej_s_step_that_cannot_be_used(tmp_path: Path, spacing: float) -> None:
    image = read_image(imagej(tmp_path, spacing=spacing))
    assert image.geometry.spacing == pytest.approx((0.5, 0.25, 0.5))
    assert any("distance of its slices" in warning for warning in image.warnings)


def test_a_resolution_of_nothing_refuses_no_file(tmp_path: Path) -> None:
    path = imagej(tmp_path, spacing=2.0)
    with tifffile.TiffFile(path, mode="r+") as file:
        for page in file.pages:
            page.tags["XResolution"].overwrite((0, 0))  # type: ignore[union-attr]
    image = read_image(path)
    assert image.geometry.unit == "pixel"
    assert any("resolution" in warning for warning in image.warnings)
    assert np.array_equal(image.voxels()[0], VOXELS)


def ome_tiff(folder: Path, resolution: float, **sizes: Any) -> Path:
    tifffile.imwrite(
        folder / "a.ome.tif",
        VOXELS.T,
        photometric="minisblack",
        resolution=(resolution, resolution),
        resolutionunit="CENTIMETER",
        metadata={"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0, **sizes},
    )
    return folder / "a.ome.tif"


def test_ome_s_sizes_against_the_resolution(tmp_path: Path) -> None:
    assert read_image(ome_tiff(tmp_path, 20_000)).warnings == ()
    image = read_image(ome_tiff(tmp_path, 10_000))
    assert image.geometry.spacing == pytest.approx((0.5, 0.5, 2.0))
    assert "0.5 µm wide by its description, 1 µm by its resolution" in image.warnings[0]


def test_ome_s_sign_and_nothing(tmp_path: Path) -> None:
    image = read_image(ome_tiff(tmp_path, 20_000, PhysicalSizeZ=-2.0))
    assert image.geometry.spacing == pytest.approx((0.5, 0.5, 2.0))
    assert "without its sign" in image.warnings[0]
    image = read_image(ome_tiff(tmp_path, 20_000, PhysicalSizeZ=0.0))
    assert image.geometry.spacing == pytest.approx((0.5, 0.5, 0.5))
    assert "cannot be" in " ".join(image.warnings)


def test_a_scale_of_nothing_refuses_no_zarr(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("0", data=np.ascontiguousarray(VOXELS.T))
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale = {"type": "scale", "scale": [0.0, 0.5, 0.75]}
    described: Any = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [described]}
    image = read_image(tmp_path / "a.zarr")
    assert image.geometry.spacing == pytest.approx((0.75, 0.5, 1.0))
    assert any("cannot be used" in warning for warning in image.warnings)
