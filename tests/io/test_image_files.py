from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
import pytest

from condseg_app.data import Geometry, Image
from condseg_app.errors import WriteError
from condseg_app.io.image_files import write_image

AFFINE = np.array([[-2.0, 0.1, 0, 30], [0.1, 2.0, 0, -12.5], [0, 0, 3.5, 7], [0, 0, 0, 1]])


def volume(dtype: type[np.generic] = np.int16) -> Image:
    array = np.random.default_rng(0).integers(0, 200, (1, 5, 6, 4)).astype(dtype)
    return Image(array, Geometry((5, 6, 4), AFFINE))


def picture(channels: int) -> Image:
    array = np.random.default_rng(0).integers(0, 256, (channels, 7, 4, 1), dtype=np.uint8)
    names = ("red", "green", "blue") if channels == 3 else ("intensity",)
    return Image(array, Geometry.of_picture(7, 4), channels=names)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32])
def test_a_volume_keeps_values_type_and_affine(tmp_path: Path, suffix: str, dtype: type[np.generic]) -> None:
    path = tmp_path / f"volume{suffix}"
    write_image(path, volume(dtype))
    found = nibabel.load(path)
    assert isinstance(found, nibabel.Nifti1Image)
    assert np.asanyarray(found.dataobj).dtype == dtype
    np.testing.assert_array_equal(np.asanyarray(found.dataobj), volume(dtype).voxels()[0])
    np.testing.assert_allclose(found.affine, AFFINE, rtol=1e-6)
    assert found.header["xyzt_units"] & 7 == 2  # mm


def test_equal_images_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one.nii.gz", "two.nii.gz"):
        write_image(tmp_path / name, volume())
    assert (tmp_path / "one.nii.gz").read_bytes() == (tmp_path / "two.nii.gz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.nii.gz", "two.nii.gz"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_keeps_its_pixels(tmp_path: Path, channels: int) -> None:
    write_image(tmp_path / "picture.png", picture(channels))
    with PIL.Image.open(tmp_path / "picture.png") as found:
        assert found.size == (7, 4)
        pixels = np.asarray(found).reshape(4, 7, channels)
    np.testing.assert_array_equal(pixels.transpose(2, 1, 0)[..., None], picture(channels).voxels())


@pytest.mark.parametrize(
    ("name", "image"),
    [("a.tif", picture(3)), ("a.png", volume()), ("a.nii.gz", picture(3))],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path: Path, name: str, image: Image) -> None:
    with pytest.raises(WriteError) as caught:
        write_image(tmp_path / name, image)
    assert caught.value.path == tmp_path / name
    assert not list(tmp_path.iterdir())
