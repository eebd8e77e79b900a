import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from condseg_app.data import Geometry, Pick
from condseg_app.errors import ReadError
from condseg_app.io import read_image, read_label_map
from condseg_app.io.choices import ChoiceNeeded

VOLUME = np.random.default_rng(0).integers(0, 250, (7, 5, 6)).astype(np.int16)  # (z, y, x)


def save(path: Path, array: NDArray[Any]) -> Path:
    if path.suffix == ".npz":
        np.savez_compressed(path, array)
    else:
        np.save(path, array, allow_pickle=False)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "u1", "f4", "f8", "?"])
def test_a_volume_is_slices_of_rows(tmp_path: Path, suffix: str, order: Any, dtype: str) -> None:
    array = np.asarray(VOLUME.astype(dtype), order=order)
    image = read_image(save(tmp_path / f"a{suffix}", array))
    assert np.array_equal(image.voxels()[0], array.T)
    assert image.array.dtype == (np.uint8 if dtype == "?" else np.dtype(dtype).newbyteorder("="))
    assert image.geometry.shape == (6, 5, 7)
    assert image.geometry.unit == "pixel"
    assert "size of its voxels is not stated" in image.warnings[0]
    assert np.array_equal(image.array[0, 1:3, ::2, 4], array.T[1:3, ::2, 4])


def test_a_picture_grey_or_in_colours(tmp_path: Path) -> None:
    grey = read_image(save(tmp_path / "a.npy", VOLUME[0]))
    assert grey.geometry == Geometry.of_picture(6, 5)
    assert grey.warnings == ()
    colours = np.random.default_rng(0).integers(0, 255, (5, 6, 3), np.uint8)
    for suffix in (".npy", ".npz"):
        image = read_image(save(tmp_path / f"b{suffix}", colours))
        assert image.is_rgb
        assert np.array_equal(image.voxels()[..., 0], colours.transpose(2, 1, 0))


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_points_in_time_are_chosen(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", np.stack([VOLUME, VOLUME + 1]))
    with pytest.raises(ChoiceNeeded, match="2 frames"):
        read_image(path)
    assert np.array_equal(read_image(path, Pick(frame=1)).voxels()[0], (VOLUME + 1).T)


def test_labels(tmp_path: Path) -> None:
    assert np.array_equal(read_label_map(save(tmp_path / "a.npy", VOLUME)).values, VOLUME.T)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(50), r"array \(50,\)"),
        (np.zeros((0, 5)), r"array \(0, 5\)"),
        (np.zeros((2, 3, 4, 5, 6)), "are read"),
        (np.zeros((5, 6, 2)), "slices or of channels"),
        (np.zeros((5, 6), complex), "complex128"),
        (np.zeros((5, 6), "S3"), "not intensities"),
        (np.zeros((5, 6), [("a", "u1")]), "not intensities"),
        (np.zeros((5, 6), "M8[s]"), "not intensities"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, array: NDArray[Any], words: str) -> None:
    for suffix in (".npy", ".npz"):
        with pytest.raises(ReadError, match=words):
            read_image(save(tmp_path / f"a{suffix}", array))


class _Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("sprung"),))


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_nothing_is_ever_unpickled(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    array = np.full((5, 6), _Trap(), object)
    np.save(tmp_path / "a.npy", array) if suffix == ".npy" else np.savez(tmp_path / "a.npz", array)
    with pytest.raises(ReadError, match="holds object"):
        read_image(tmp_path / f"a{suffix}")
    assert not (tmp_path / "sprung").exists()


def test_an_archive_holds_one_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=VOLUME, two=VOLUME)
    with pytest.raises(ReadError, match=r"2 arrays \(one\.npy, two\.npy\)"):
        read_image(tmp_path / "a.npz")


def test_what_is_claimed_must_be_there(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (60000, 60000, 9)})
    for packed in (False, True):
        path = tmp_path / f"a.np{'z' if packed else 'y'}"
        if packed:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("a.npy", stream.getvalue() + bytes(100))
        else:
            path.write_bytes(stream.getvalue() + bytes(100))
        with pytest.raises(ReadError, match="claims"):
            read_image(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("part", [0.01, 0.1, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, part: float) -> None:
    path = save(tmp_path / f"a{suffix}", np.random.default_rng(0).random((9, 8, 7)))
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(ReadError) as caught:
        read_image(path)
    assert caught.value.path == path


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", np.random.default_rng(0).random((9, 8, 7)))
    content = bytearray(path.read_bytes())
    content[2000] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(ReadError):
        read_image(path)
