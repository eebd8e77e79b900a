"""Searching folders for DICOM: discs, viewers, deep and wide trees, and what stops the search."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from condseg_app.errors import ReadError
from condseg_app.io import is_image, read_image
from condseg_app.io.choices import ChoiceNeeded
from condseg_app.io.dicom.files import is_dicom

SaveSeries = Callable[..., list[Path]]
SaveNifti = Callable[..., Path]
AFFINE = np.array([[-0.5, 0, 0, 30.0], [0, -0.75, 0, -12.5], [0, 0, 2.5, 7.0], [0, 0, 0, 1]])
VOXELS = np.random.default_rng(0).integers(0, 4000, (6, 5, 8)).astype(np.int16)
NAMES = [f"IM{number:06d}" for number in range(8)]


def test_the_root_of_a_disc_is_its_volume(save_series: SaveSeries, tmp_path: Path) -> None:
    save_series(tmp_path / "DICOM" / "PA000000" / "ST000000" / "SE000000" / "A" / "B", VOXELS, AFFINE, NAMES)
    for number in range(60):
        (tmp_path / "AVIEWER").mkdir(exist_ok=True)
        (tmp_path / "AVIEWER" / f"f{number}.dll").write_bytes(b"MZ" + bytes(200))
    assert np.array_equal(read_image(tmp_path).voxels()[0], VOXELS)
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + bytes(100))
    image = read_image(tmp_path / "DICOMDIR")
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert image.name == tmp_path.name


def test_no_series_of_many_is_left_out(save_series: SaveSeries, tmp_path: Path) -> None:
    for number in range(70):
        save_series(tmp_path / f"{number:02d}", VOXELS[:, :, :1], AFFINE)
    with pytest.raises(ChoiceNeeded) as caught:
        read_image(tmp_path)
    assert len(caught.value.options) == 70


def test_where_the_search_ends_it_says_so(
    save_series: SaveSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condseg_app.io.dicom.files._MOST_LOOKED_AT", 3)
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("no image")
    save_series(tmp_path / "z", VOXELS, AFFINE, NAMES)
    with pytest.raises(ReadError, match=r"none of the first 3 files.* no more were looked at; choose"):
        read_image(tmp_path)
    monkeypatch.setattr("condseg_app.io.dicom.files._MOST_LOOKED_AT", 100)
    monkeypatch.setattr("condseg_app.io.dicom.files._MOST_FILES", 4)
    with pytest.raises(ReadError, match="more than 4 files; open the folder of one study"):
        read_image(tmp_path)


def test_links_in_a_circle_end(save_series: SaveSeries, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "circle").symlink_to(tmp_path, target_is_directory=True)
    assert not is_dicom(tmp_path)


def test_volumes_of_other_formats_above_make_no_dicom_folder(
    save_series: SaveSeries, save_nifti: SaveNifti, tmp_path: Path
) -> None:
    save_nifti(VOXELS, name="images/a.nii.gz")
    save_series(tmp_path / "images" / "sources", VOXELS, AFFINE, NAMES)
    assert not is_image(tmp_path / "images")
    assert is_image(tmp_path / "images" / "sources")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all files")
def test_what_may_not_be_read_is_told(save_series: SaveSeries, tmp_path: Path) -> None:
    save_series(tmp_path, VOXELS, AFFINE, NAMES)
    (tmp_path / "locked").mkdir(mode=0)
    try:
        assert "may not be read and are left out (locked)" in read_image(tmp_path).warnings[0]
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_gzipped_dicom_is_called_so(save_series: SaveSeries, tmp_path: Path) -> None:
    for path in save_series(tmp_path, VOXELS, AFFINE):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    with pytest.raises(ReadError, match="is a DICOM file that is compressed with gzip; unpack it"):
        read_image(tmp_path / "003.dcm.gz")
    with pytest.raises(ReadError, match="holds 8 DICOM files that are compressed with gzip; unpack them"):
        read_image(tmp_path)
