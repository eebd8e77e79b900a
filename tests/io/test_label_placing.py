"""Labels on the image's lattice are put in their place, whatever part of it they are on; others are refused."""

from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import AxisMap, ClassTable, Geometry, Image
from condseg_app.errors import GeometryError, ReadError
from condseg_app.io import read_image, read_label_map
from condseg_app.io.labels.placing import onto_grid
from condseg_app.io.labels.reader import read_binary_mask

SHAPE = (10, 9, 8)
AFFINE = np.array([[-0.7, 0.02, 0, 30], [0.02, 0.7, 0, -12.5], [0, 0, 2.5, 7], [0, 0, 0, 1]])
VALUES = np.zeros(SHAPE, np.uint8)
VALUES[3:6, 2:5, 2:6] = np.random.default_rng(0).integers(1, 4, (3, 3, 4))
ORIENTATIONS = ("RAS", "LPS", "PIR", "SAL", "IPR")


@pytest.fixture
def image(tmp_path: Path) -> Image:
    nibabel.Nifti1Image(np.zeros(SHAPE, np.int16), AFFINE).to_filename(tmp_path / "image.nii.gz")
    return read_image(tmp_path / "image.nii.gz")


def nifti(folder: Path, values: NDArray[Any], affine: NDArray[np.float64]) -> Path:
    nibabel.Nifti1Image(values, affine).to_filename(folder / "labels.nii.gz")
    return folder / "labels.nii.gz"


def cropped(box: tuple[slice, slice, slice]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    affine = AFFINE.copy()
    affine[:3, 3] += AFFINE[:3, :3] @ [part.start for part in box]
    return VALUES[box], affine


BOX = (slice(2, 7), slice(1, 6), slice(2, 7))


def itk(path: Path, values: NDArray[np.uint8], affine: NDArray[np.float64]) -> Path:
    lps = np.diag([-1.0, -1.0, 1.0]) @ affine[:3]
    spacing = np.linalg.norm(lps[:, :3], axis=0)
    stored = sitk.GetImageFromArray(values.T)
    stored.SetSpacing(spacing.tolist())
    stored.SetOrigin(lps[:, 3].tolist())
    stored.SetDirection((lps[:, :3] / spacing).ravel().tolist())
    sitk.WriteImage(stored, str(path))
    return path


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
def test_a_part_of_the_image_s_grid_is_put_in_its_place(tmp_path: Path, image: Image, suffix: str) -> None:
    labels = read_label_map(itk(tmp_path / f"labels{suffix}", *cropped(BOX)), image)
    assert labels.geometry == image.geometry
    assert np.array_equal(labels.values, VALUES)
    assert np.array_equal(read_binary_mask(tmp_path / f"labels{suffix}", image), VALUES > 0)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_part_with_other_axes(tmp_path: Path, image: Image, orientation: str) -> None:
    part = nibabel.Nifti1Image(*cropped(BOX))
    wanted = nibabel.orientations.axcodes2ornt(tuple(orientation))
    turned = part.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(part.affine), wanted))
    path = nifti(tmp_path, np.asarray(turned.dataobj), turned.affine)
    assert np.array_equal(read_label_map(path, image).values, VALUES)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.tuples(st.integers(0, 7), st.integers(1, 8))] * 3), st.permutations(range(3)), st.integers(0, 7))
def test_any_part_turned_in_any_way(ends: tuple[tuple[int, int], ...], order: list[int], mirrored: int) -> None:
    i, j, k = (slice(min(start, n - 1), min(start + length, n)) for (start, length), n in zip(ends, SHAPE, strict=True))
    part, affine = cropped((i, j, k))
    geometry = Geometry(part.shape, affine)
    flips = [bool(mirrored >> axis & 1) for axis in range(3)]
    axes = AxisMap((order[0], order[1], order[2]), (flips[0], flips[1], flips[2]))
    whole = np.zeros(SHAPE, np.uint8)
    whole[i, j, k] = part
    wanted, turned = Geometry(SHAPE, AFFINE), axes.geometry(geometry)
    placed, notes = onto_grid(axes.apply(part), turned, wanted, Path("a.seg.nrrd"), may_be_a_part=True)
    assert np.array_equal(placed, whole)
    assert notes == ()


def test_a_larger_grid_is_cut_unless_it_marks_what_is_outside(tmp_path: Path, image: Image) -> None:
    padded = np.pad(VALUES, 2)
    affine = AFFINE.copy()
    affine[:3, 3] -= AFFINE[:3, :3] @ [2, 2, 2]
    assert np.array_equal(read_label_map(nifti(tmp_path, padded, affine), image).values, VALUES)
    padded[0, 0, 0] = 1
    with pytest.raises(GeometryError, match=r"\(14, 13, 12\).*\(10, 9, 8\).*does not lie within"):
        read_label_map(nifti(tmp_path, padded, affine), image)


@pytest.mark.parametrize("place", [(0, 0, 0), (2, 1, 2)])
def test_slicer_s_segmentations_are_cut_to_what_is_marked(tmp_path: Path, image: Image, place: tuple[int, ...]) -> None:
    box = tuple(slice(n, n + 6) for n in place)
    part, affine = cropped((box[0], box[1], box[2]))
    lps = np.diag([-1.0, -1.0, 1.0]) @ affine[:3]
    header = {"space": "left-posterior-superior", "space directions": lps[:, :3].T, "space origin": lps[:, 3]}
    names = {f"Segment{n}_Name": f"s{n}" for n in range(3)} | {f"Segment{n}_LabelValue": str(n + 1) for n in range(3)}
    nrrd.write(str(tmp_path / "a.seg.nrrd"), part, {**header, **names})
    labels = read_label_map(tmp_path / "a.seg.nrrd", image)
    whole = np.zeros(SHAPE, np.uint8)
    whole[box] = part
    assert np.array_equal(labels.values, whole)
    assert labels.classes.names == ("s0", "s1", "s2")


@pytest.mark.parametrize("part", [0.002, 0.05, 0.2])
def test_a_rounded_place_is_the_image_s(tmp_path: Path, image: Image, part: float) -> None:
    affine = AFFINE.copy()
    affine[:3, 3] += AFFINE[:3, :3] @ [part, -part, part]
    labels = read_label_map(nifti(tmp_path, VALUES, affine), image)
    assert np.array_equal(labels.values, VALUES)
    assert any("of a voxel beside" in warning for warning in labels.warnings) == (part > 0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shift": 0.5}, "lies 0.35 mm beside the image"),
        ({"shift": 2.0}, "lies 1.4 mm beside the image"),
        ({"scale": 1.1}, "voxels measure 0.77 × 0.77 × 2.75 mm, the image's 0.7 × 0.7 × 2.5 mm"),
        ({"turn": 10.0}, "turned by 10° against the image"),
        ({"mirror": True}, "turned by 3° against the image"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, image: Image, change: dict[str, float], words: str) -> None:
    affine = AFFINE.copy()
    affine[:3, 3] += AFFINE[:3, :3] @ [change.get("shift", 0.0), 0, 0]
    affine[:3, :3] *= change.get("scale", 1.0)
    angle = np.radians(change.get("turn", 0.0))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine[:3, :3] = turn @ affine[:3, :3]
    if change.get("mirror"):
        affine[0] *= -1
    with pytest.raises(GeometryError, match=words) as caught:
        read_label_map(nifti(tmp_path, VALUES, affine), image)
    assert "resample it onto the image first" in str(caught.value)


@pytest.mark.parametrize(
    ("shift", "scale", "words"),
    [(0.4, 1.0, "its voxels lie between the image's"), (0.0, 0.5, "its voxels measure 0.35 × 0.35 × 1.25 mm")],
)
def test_how_a_part_is_not_on_the_grid_is_named(
    tmp_path: Path, image: Image, shift: float, scale: float, words: str
) -> None:
    part, affine = cropped(BOX)
    affine[:3, 3] += AFFINE[:3, :3] @ [shift, 0, 0]
    affine[:3, :3] *= scale
    with pytest.raises(GeometryError, match=rf"\(5, 5, 5\).*\(10, 9, 8\), and {words}"):
        read_label_map(nifti(tmp_path, part, affine), image)


def test_labels_in_micrometres_of_an_image_in_millimetres(tmp_path: Path, image: Image) -> None:
    labels = nibabel.Nifti1Image(VALUES, np.vstack([AFFINE[:3] * 1000, AFFINE[3]]))
    labels.header["xyzt_units"] = 3
    labels.to_filename(tmp_path / "a.nii.gz")
    assert np.array_equal(read_label_map(tmp_path / "a.nii.gz", image).values, VALUES)
    lost = nibabel.Nifti1Image(VALUES, AFFINE)
    lost.header["xyzt_units"] = 3
    lost.to_filename(tmp_path / "b.nii.gz")
    found = read_label_map(tmp_path / "b.nii.gz", image)
    assert np.array_equal(found.values, VALUES)
    assert "unit is µm, its image's mm" in found.warnings[0]


# Numbers


@pytest.mark.parametrize("largest", [1, 24, 255, 1000])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_labels_that_nibabel_scaled_are_rounded(tmp_path: Path, largest: int, dtype: type[np.generic]) -> None:
    values = np.random.default_rng(0).integers(0, largest + 1, SHAPE).astype(np.float64)
    values[0, 0, :2] = 0, largest
    image = nibabel.Nifti1Image(values, AFFINE)
    image.header.set_data_dtype(dtype)
    image.to_filename(tmp_path / "a.nii.gz")
    if largest > 255 and dtype is np.uint8:  # steps of four: which class each voxel was is lost
        with pytest.raises(ReadError, match="fractions"):
            read_label_map(tmp_path / "a.nii.gz")
        return
    labels = read_label_map(tmp_path / "a.nii.gz")
    assert np.array_equal(labels.values, values)
    stored = np.asarray(nibabel.load(tmp_path / "a.nii.gz").dataobj)  # type: ignore[attr-defined]
    if np.abs(stored - values).max() > 1e-5:
        assert any("beside whole numbers" in warning for warning in labels.warnings)


@pytest.mark.parametrize("highest", [1.0, 0.4, 0.004, 7.3])
def test_fractions_are_no_labels(tmp_path: Path, highest: float) -> None:
    values = np.random.default_rng(0).random(SHAPE).astype(np.float32) * highest
    with pytest.raises(ReadError, match="fractions"):
        read_label_map(nifti(tmp_path, values, AFFINE))


# Advice


def test_one_volume_a_class_has_advice_for_labels(tmp_path: Path, image: Image) -> None:
    one_hot = np.stack([n == VALUES for n in range(4)], axis=-1).astype(np.uint8)
    with pytest.raises(ReadError, match="holds 4 volumes, a label map has one number a voxel") as caught:
        read_label_map(nifti(tmp_path, one_hot, AFFINE), image)
    assert "--frame" not in str(caught.value)
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(one_hot[..., 0, :], -1, 0), metadata={"axes": "CYX"}, ome=True)
    with pytest.raises(ReadError, match="holds 4 channels") as caught:
        read_label_map(tmp_path / "a.tif")
    assert "--channel" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colours_by_the_table_shades_of_grey_by_their_values(tmp_path: Path, suffix: str) -> None:
    path, plane = tmp_path / f"a{suffix}", VALUES[..., 3]
    table = ClassTable.from_names(["a", "b", "c"])
    colors = np.array([(0, 0, 0), *(entry.color for entry in table)], np.uint8)
    PIL.Image.fromarray(np.dstack([plane] * 3)).save(path)
    assert np.array_equal(read_label_map(path).values[..., 0].T, plane)
    PIL.Image.fromarray(colors[plane]).save(path)
    assert np.array_equal(read_label_map(path, None, table).values[..., 0].T, plane)
    with pytest.raises(ReadError, match="no table says which class has which"):
        read_label_map(path)
