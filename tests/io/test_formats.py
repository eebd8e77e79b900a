"""One battery over the table of formats: what goes out comes back, for us and for others."""

import pickle
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from harness.round_trips import DTYPES, PLACES, SECOND, SUFFIXES, failure, orders, volume
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from condseg_app.data import AxisMap, ClassTable, Geometry, Image, LabelMap, Unit
from condseg_app.errors import ReadError, WriteError
from condseg_app.io import SUFFIXES as READ
from condseg_app.io import can_read, describe, read_image, read_label_map, write_label_map
from condseg_app.io.choices import ChoiceNeeded
from condseg_app.io.contents import format_of
from condseg_app.io.file_start import name_of
from condseg_app.io.formats import FORMATS, Format
from condseg_app.io.image_files import write_image

SharedData = Callable[[str], Path]
ORDERS = list(orders())
LABELS = tuple(s for form in FORMATS for s in form.label_suffixes if s != ".png")
TABLE = ClassTable.from_names(["liver", "spleen", "kidney"]).replacing("spleen", value=300, terminology="SCT:78961009")
SHEARED = np.array([[1.0, 0, 0.4, 1], [0, 1.5, 0, 2], [0, 0, 2.0, 3], [0, 0, 0, 1]])


def labels(geometry: Geometry) -> LabelMap:
    values = np.random.default_rng(1).choice(np.array([0, 1, 300, 3], np.uint16), geometry.shape)
    return LabelMap(values, geometry, TABLE)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.sampled_from(ORDERS), place=st.sampled_from(PLACES), dtype=st.sampled_from(DTYPES))
def test_a_volume_comes_back_to_us_and_to_others(
    tmp_path: Path, suffix: str, order: AxisMap, place: str, dtype: DTypeLike
) -> None:
    assert failure(tmp_path, suffix, volume(order, place, dtype)) is None


def test_every_format_of_volumes_is_read_by_somebody_else_too() -> None:
    assert set(SECOND) == set(SUFFIXES)


@pytest.mark.parametrize("suffix", LABELS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.sampled_from(ORDERS), place=st.sampled_from(PLACES))
def test_labels_come_back_with_their_names(tmp_path: Path, suffix: str, order: AxisMap, place: str) -> None:
    image = volume(order, place, np.uint8)
    mine = labels(image.geometry)
    write_label_map(tmp_path / f"a{suffix}", mine)
    back = read_label_map(tmp_path / f"a{suffix}", image)
    assert np.array_equal(back.values, mine.values)
    assert back.array.dtype == np.uint16
    assert back.classes == TABLE
    assert back.geometry == image.geometry
    assert read_label_map(tmp_path / f"a{suffix}").geometry.fits(image.geometry)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("unit", ["mm", "µm", "pixel"])
def test_the_unit_is_kept_where_the_format_knows_it(tmp_path: Path, suffix: str, unit: Unit) -> None:
    image = Image(np.ones((1, 5, 6, 4), np.uint8), Geometry.with_spacing((5, 6, 4), (0.5, 0.25, 2), unit))
    write_image(tmp_path / f"a{suffix}", image)
    found = read_image(tmp_path / f"a{suffix}").geometry
    unknown = unit == "pixel" and suffix in (".nii", ".nii.gz", ".mha")
    assert found.unit == ("mm" if unknown else unit)
    assert found.spacing == image.geometry.spacing


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_sheared_grid_is_kept_or_refused_by_name(tmp_path: Path, suffix: str) -> None:
    geometry = Geometry((5, 6, 4), SHEARED)
    image = Image(np.arange(120, dtype=np.int16).reshape(1, 5, 6, 4), geometry)
    path = tmp_path / f"a{suffix}"
    if suffix in (".mha", ".ome.tif", ".ome.tiff"):
        words = r"(MetaImage|TIFF) holds no axes that are not at right angles; choose"
        with pytest.raises(WriteError, match=words):
            write_image(path, image)
        with pytest.raises(WriteError, match=words):
            write_label_map(path, labels(geometry))
        assert not list(tmp_path.iterdir())
        return
    write_image(path, image)
    assert np.allclose(read_image(path).geometry.affine, SHEARED, rtol=1e-7)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_images_give_equal_bytes(tmp_path: Path, suffix: str) -> None:
    image = volume(ORDERS[5], "oblique", np.float32)
    found = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_image(tmp_path / folder / f"a{suffix}", image)
        files = sorted(p for p in (tmp_path / folder).rglob("*") if p.is_file())
        found.append([(p.relative_to(tmp_path / folder), p.read_bytes()) for p in files])
    assert found[0] == found[1]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_region_is_read_without_the_rest(tmp_path: Path, suffix: str) -> None:
    image = volume(ORDERS[0], "oblique", np.int16)
    write_image(tmp_path / f"a{suffix}", image)
    array = read_image(tmp_path / f"a{suffix}").array
    for index in ((0, 2, 3, 1), (slice(None), slice(1, 3), 4, slice(None, None, -1)), (..., 2), (0, slice(2, 2))):
        assert np.array_equal(array[index], image.voxels()[index])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, part: float) -> None:
    path = tmp_path / f"a{suffix}"
    rng = np.random.default_rng(0)
    write_image(path, Image(rng.random((1, 20, 20, 9)), Geometry.with_spacing((20, 20, 9), (1, 1, 1))))
    if path.is_dir():
        pytest.skip("a folder of chunks, tested with OME-Zarr")
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(ReadError) as caught:
        read_image(path).voxels()
    assert caught.value.path == path


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_the_table_agrees_with_itself(form: Format) -> None:
    assert {*form.image_suffixes, *form.label_suffixes} <= set(form.suffixes)
    assert all(s == s.lower() and s.startswith(".") for s in form.suffixes)
    for suffix in form.suffixes:
        path = Path("folder") / f"a.b{suffix.upper()}"
        assert can_read(path)
        assert name_of(path) == "a.b"
    assert form.keeps
    assert form.loses


def test_no_ending_belongs_to_two_formats() -> None:
    assert len(READ) == len(set(READ)) == sum(len(form.suffixes) for form in FORMATS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_content_counts_not_the_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(path, volume(ORDERS[0], "oblique", np.int16))
    other = path.rename(tmp_path / "b.png")
    assert suffix in format_of(other).suffixes
    assert describe(other).shape == (5, 6, 4)


def test_what_has_to_be_chosen_travels_between_processes() -> None:
    options = [(n, f"frame {n}") for n in range(30)]
    error = ChoiceNeeded("frame", options, Path("a.nii"))
    for back in (pickle.loads(pickle.dumps(error)), copy(error)):
        assert (back.what, back.options, back.path, str(back)) == ("frame", tuple(options), Path("a.nii"), str(error))
    assert str(error).endswith("7: frame 7; ...)")


def test_a_real_scan_comes_back_in_every_format(tmp_path: Path, shared_data: SharedData) -> None:
    path = shared_data("odd_files") / "nifti/oblique_ct_gantry_pitch.nii.gz"
    image = read_image(path)
    for suffix in SUFFIXES:
        write_image(tmp_path / f"a{suffix}", image)
        back = read_image(tmp_path / f"a{suffix}")
        assert np.array_equal(back.voxels(), image.voxels())
        assert back.geometry.fits(image.geometry)
    stored: Any = nibabel.load(path)
    assert np.allclose(image.geometry.affine, stored.affine)
