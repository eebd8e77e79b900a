"""Real odd, rare and broken files: each does what its manifest expects of a good reader."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from condseg_app.data import AxisMap, Pick
from condseg_app.errors import CondsegError, GeometryError, ReadError
from condseg_app.io import describe, read_data_set, read_image, read_label_map
from condseg_app.io.choices import ChoiceNeeded

SharedData = Callable[[str], Path]
ODD = Path(__file__).parents[3] / "shared" / "data" / "odd_files"
ENTRIES: list[dict[str, Any]] = (
    json.loads((ODD / "manifest.json").read_text(encoding="utf-8"))["files"] if (ODD / "manifest.json").exists() else []
)
IMAGES = ("nifti-orientation", "nifti-dtype", "nifti-dim", "nifti-pair", "nifti-label", "nifti-derived", "image2d")
# A file may hold several frames or channels; one of them has to be chosen first.
ASKED = ("ask_or_pick",)
# The NIfTI file that they point to is not in the collection.
WITHOUT_VOXELS = ("BallBinary30x30x30_byteskip_minus_one_nifti.nhdr", "BallBinary30x30x30_nifti.nhdr")
# These are refused for what they are as labels, not as images; or only their place beside an image is odd.
AS_IMAGES_FINE = (
    "label_shape_mismatch.nii.gz",
    "label_probability_float.nii.gz",
    "label_affine_flipped.nii.gz",
    "label_affine_shifted_40mm.nii.gz",
    "labels_float64.nii.gz",
    "street_label_half_size.png",
    "street_label_rgb_colours.png",
)
ORIENTATIONS = ("RAS", "LAS", "LPS", "PIR", "ASL", "ILA", "SAL", "IRP")

pytestmark = pytest.mark.skipif(not ENTRIES, reason=f"needs the data folder {ODD}")


def of(groups: tuple[str, ...]) -> list[Any]:
    return [pytest.param(e, id=e["path"]) for e in ENTRIES if e["group"] in groups]


def check_opens(path: Path) -> tuple[str, ...]:
    image = read_image(path)
    voxels = image.voxels()
    assert voxels.shape == (len(image.channels), *image.geometry.shape)
    assert voxels.dtype == image.array.dtype
    assert voxels.dtype.isnative
    return image.warnings


def check_refused(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(CondsegError) as caught:
        read(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    assert ";" in sentence  # what it is; what to do
    return sentence


@pytest.mark.parametrize("entry", of(IMAGES))
def test_images(entry: dict[str, Any]) -> None:
    path, expected = ODD / entry["path"], entry["expect"].split(":")[0].split(" ")[0]
    if path.name in AS_IMAGES_FINE:
        check_opens(path)
    elif expected in ("reject", *ASKED) or len(entry["facts"].get("shape", ())) > 3:
        check_refused(read_image, path)
    elif expected == "load_with_warning":
        assert check_opens(path)
    else:
        assert expected == "load"
        check_opens(path)


@pytest.mark.parametrize("entry", of(("nrrd", "mha", "ome")))
def test_volumes_of_other_formats(entry: dict[str, Any]) -> None:
    path, expected = ODD / entry["path"], entry["expect"].split(":")[0].split(" ")[0]
    if path.name in WITHOUT_VOXELS:
        assert "BallBinary30x30x30.nii.gz is missing" in check_refused(read_image, path)
    elif expected in ("reject", "data"):
        check_refused(read_image, path)
    elif expected == "load_with_warning":
        assert check_opens(path)
    else:
        assert expected == "load"
        check_opens(path)


@pytest.mark.parametrize("entry", of(("other",)))
def test_formats_that_are_not_read_say_so(entry: dict[str, Any]) -> None:
    assert "not supported" in check_refused(read_image, ODD / entry["path"])


@pytest.mark.parametrize("entry", of(("dicom", "dicom-bad", "dicom-single")))
def test_dicom_opens_or_is_refused_in_a_sentence_by_the_table_of_formats(entry: dict[str, Any]) -> None:
    # What each of them must do is in test_dicom_series.
    path = ODD / entry["path"]
    try:
        opened = read_image(path)
    except CondsegError:
        check_refused(read_image, path)
    else:
        assert describe(path).format == ("NIfTI" if path.name.endswith(".nii.gz") else "DICOM")
        assert opened.voxels().shape[1:] == opened.geometry.shape


def test_a_ball_in_every_encoding_is_the_same_ball(tmp_path: Path) -> None:
    ball = read_image(ODD / "nrrd/BallBinary30x30x30.nhdr")
    assert ball.geometry.orientation == "LPS"
    for name in ("_bz2.nrrd", "_gz.nrrd", "_gz_byteskip_minus_one.nrrd", "_byteskip_minus_one.nhdr"):
        other = read_image(ODD / f"nrrd/BallBinary30x30x30{name}")
        assert np.array_equal(other.voxels(), ball.voxels())
        assert other.geometry == ball.geometry
    nibabel.Nifti1Image(ball.voxels()[0], np.eye(4)).to_filename(tmp_path / "BallBinary30x30x30.nii.gz")
    for name in WITHOUT_VOXELS:
        shutil.copyfile(ODD / "nrrd" / name, tmp_path / name)
        assert np.array_equal(read_image(tmp_path / name).voxels(), ball.voxels())
        assert "NIfTI" in read_image(tmp_path / name).warnings[0]


@pytest.mark.parametrize(
    ("name", "pick", "shape"),
    [
        ("nifti/int16_4d.nii.gz", Pick(frame=1), (128, 96, 24)),
        ("nifti/nifti2_4d.nii.gz", Pick(frame=0), (32, 20, 12)),
        ("nifti/5d_two_channels_LSP.nii.gz", Pick(channel="channel 2"), (64, 52, 39)),
    ],
)
def test_one_of_several_volumes_is_chosen(name: str, pick: Pick, shape: tuple[int, ...]) -> None:
    stored = np.asarray(nibabel.load(ODD / name).dataobj)  # type: ignore[attr-defined]
    image = read_image(ODD / name, pick)
    wanted = stored[..., 0, 1] if stored.ndim == 5 else stored[..., pick.frame]
    assert image.geometry.shape == shape
    assert np.allclose(image.voxels()[0], wanted)
    assert image.pick == pick
    with pytest.raises(ChoiceNeeded) as caught:
        read_image(ODD / name)
    assert len(caught.value.options) == 2
    assert caught.value.what == ("frame" if pick.channel is None else "channel")


def test_one_plane_of_a_larger_image_says_so() -> None:
    assert "one plane" in check_opens(ODD / "ome/multifile/multifile-Z1.ome.tiff")[0]


def test_the_same_head_in_eight_orientations() -> None:
    found = []
    for orientation in ORIENTATIONS:
        image = read_image(ODD / f"nifti/orient/orient_{orientation}.nii.gz")
        assert image.geometry.orientation == orientation
        assert image.voxels().dtype == np.float32  # scaled
        axes = AxisMap.between(image.geometry, "RAS")
        found.append((axes.apply(image.voxels()), axes.geometry(image.geometry)))
    for voxels, geometry in found[1:]:
        assert np.array_equal(voxels, found[0][0])
        assert geometry.fits(found[0][1])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nifti/sheared_affine_ct.nii.gz", "right angles"),
        ("nifti/no_orientation_codes.nii.gz", "orientation is not stated"),
        ("nifti/bigendian_float32_nan.nii", "not finite"),
        ("nifti_derived/gz_named_nii.nii", "compressed"),
        ("nifti_derived/constant.nii.gz", "same intensity"),
        ("nifti_derived/bad_pixdim.nii.gz", "voxel sizes"),
        ("ome/mni152_missing_chunks.ome.zarr", "chunks"),
        ("ome/mni152_axial.ome.zarr", "units of length are not known"),
    ],
)
def test_what_was_odd_is_told(name: str, words: str) -> None:
    assert any(words in warning for warning in check_opens(ODD / name))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nifti_derived/zero_byte.nii.gz", "is empty"),
        ("nifti_derived/lfs_pointer.nii.gz", "git-LFS pointer"),
        ("nifti_derived/truncated_plain.nii", "cut off"),
        ("nifti_derived/header_only.nii", "cut off"),
        ("nifti_derived/bad_dim_negative.nii.gz", "impossible shape (-5, 47, 41)"),
        ("nifti_derived/huge_dims_bomb.nii.gz", "claims"),
        ("nifti/5d_displacement_field.nii.gz", "vectors"),
        ("nifti/1d_vector_in_nifti.nii.gz", "row of numbers"),
        ("nifti/rgb24.nii.gz", "colours"),
        ("nifti/pair/header_without_img.hdr", "header_without_img.img is missing"),
        ("images2d/imageio_issue245.gif", "GIF is not supported"),
    ],
)
def test_why_it_is_refused(name: str, words: str) -> None:
    assert words in check_refused(read_image, ODD / name)


def test_both_halves_of_a_pair_open_as_the_same_image() -> None:
    header, voxels = read_image(ODD / "nifti/pair/ras.hdr"), read_image(ODD / "nifti/pair/ras.img")
    assert np.array_equal(header.voxels(), voxels.voxels())
    assert header.geometry == voxels.geometry


def test_16_bit_pictures_are_not_clipped() -> None:
    assert read_image(ODD / "images2d/ct_slice_16bit.png").voxels().max() > 255


def test_labels_beside_their_volume() -> None:
    folder = ODD / "nifti_derived"
    image = read_image(folder / "good_image.nii.gz")
    straight = read_label_map(folder / "int64_label.nii.gz", image)
    turned = read_label_map(folder / "label_reoriented_PIR.nii.gz", image)
    assert np.array_equal(straight.values, turned.values)
    assert "no voxel" in read_label_map(folder / "label_all_background.nii.gz", image).warnings[0]
    with pytest.raises(GeometryError, match=r"\(34, 47, 41\).*\(36, 47, 41\)"):
        read_label_map(folder / "label_shape_mismatch.nii.gz", image)
    for name in ("label_affine_flipped.nii.gz", "label_affine_shifted_40mm.nii.gz"):
        with pytest.raises(GeometryError, match="elsewhere"):
            read_label_map(folder / name, image)
    with pytest.raises(ReadError, match="fractions"):
        read_label_map(folder / "label_probability_float.nii.gz", image)


def test_labels_stored_as_floats() -> None:
    labels = read_label_map(ODD / "nifti/labels_float64.nii.gz")
    assert labels.array.dtype == np.uint8
    assert [e.value for e in labels.classes] == [1, 2, 3, 4]
    assert "float64" in labels.warnings[0]
    with pytest.raises(ReadError, match=r"\d"):
        read_label_map(ODD / "nifti/int16_slope_negative.nii.gz")


def test_names_from_a_header_extension_keep_their_values() -> None:
    labels = read_label_map(ODD / "nifti/labels_with_name_table_extension.nii.gz")
    assert labels.classes["spleen"].value == 1
    assert max(np.unique(labels.values)) in {e.value for e in labels.classes}
    assert labels.warnings == ()


def test_labels_of_the_street() -> None:
    folder = ODD / "images2d"
    image = read_image(folder / "street.jpg")
    index = read_label_map(folder / "street_label_index.png", image)
    palette = read_label_map(folder / "street_label_palette.png", image)
    assert np.array_equal(index.values, palette.values)
    assert read_label_map(folder / "street_label_255_ignore.png", image).values.max() == 255
    with pytest.raises(GeometryError, match=r"\(240, 180, 1\).*\(480, 360, 1\)"):
        read_label_map(folder / "street_label_half_size.png", image)
    with pytest.raises(ReadError, match="holds colours"):
        read_label_map(folder / "street_label_rgb_colours.png", image)


def test_unpaired_files_are_left_out_and_named(tmp_path: Path) -> None:
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).mkdir()
        for path in (ODD / "unpaired" / folder).iterdir():
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    pair = ODD / "nifti_derived"
    (tmp_path / "imagesTr" / "a.nii.gz").write_bytes((pair / "good_image.nii.gz").read_bytes())
    (tmp_path / "labelsTr" / "a.nii.gz").write_bytes((pair / "int64_label.nii.gz").read_bytes())
    (tmp_path / "dataset.json").write_text('{"labels": {"1": "Anterior", "2": "Posterior"}}')
    data = read_data_set(tmp_path)
    assert [case.name for case in data.cases] == ["a"]
    text = "; ".join(data.warnings)
    assert all(name in text for name in ("hippocampus_118", "hippocampus_010", "hippocampus_281"))
