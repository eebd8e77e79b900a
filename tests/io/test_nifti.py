import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from condseg_app.data import Geometry, Pick, Unit
from condseg_app.data.regions import whole
from condseg_app.errors import CondsegError, GeometryError, ReadError, WriteError
from condseg_app.io import read_image
from condseg_app.io.nifti.writer import nifti_by_parts
from condseg_app.io.voxels import file_voxels

AFFINE = np.array([[-2.0, 0.1, 0, 30], [0.1, 2.0, 0, -12.5], [0, 0, 3.5, 7], [0, 0, 0, 1]])
SaveNifti = Callable[..., Path]
VOXELS = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 4)).astype(np.int16)
DIM, DATATYPE, PIXDIM, OFFSET, SLOPE, XYZT, QFORM, SFORM, SROW = 40, 70, 76, 108, 112, 123, 252, 254, 280


def loaded(path: Path) -> Any:
    """What nibabel itself finds in a file."""
    return nibabel.load(path)


def write(path: Path, array: NDArray[Any], geometry: Geometry) -> None:
    with nifti_by_parts(path, geometry, array.dtype, packed=path.name.endswith(".gz")) as put:
        put(whole(geometry.shape), array)


def patched(path: Path, position: int, kind: str, *values: float) -> Path:
    """The file with numbers of its header changed."""
    packed = path.name.endswith(".gz")
    content = bytearray(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    struct.pack_into(f"<{len(values)}{kind}", content, position, *values)
    path.write_bytes(gzip.compress(bytes(content)) if packed else bytes(content))
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ", "海马 (1).nii.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint16, np.int64, np.float32, np.float64])
def test_values_type_and_affine_are_those_of_the_file(
    save_nifti: SaveNifti, name: str, dtype: type[np.generic]
) -> None:
    voxels = np.abs(VOXELS).astype(dtype) if np.dtype(dtype).kind == "u" else VOXELS.astype(dtype)
    path = save_nifti(voxels, name=name)
    image = read_image(path)
    assert image.voxels().dtype == image.array.dtype == dtype
    assert np.array_equal(image.voxels()[0], voxels)
    assert np.array_equal(image.geometry.affine, AFFINE.astype(np.float32))
    assert (image.geometry.unit, image.channels, image.source) == ("mm", ("intensity",), path)
    assert image.name == name.split(".")[0]
    assert image.warnings == ()


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_big_endian_files_come_in_native_order(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"big{suffix}"
    nibabel.Nifti1Image(VOXELS, AFFINE, nibabel.Nifti1Header(endianness=">")).to_filename(path)
    image = read_image(path)
    assert image.voxels().dtype.isnative
    assert np.array_equal(image.voxels()[0], VOXELS)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_2(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"two{suffix}"
    nibabel.Nifti2Image(VOXELS, AFFINE).to_filename(path)
    image = read_image(path)
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert np.array_equal(image.geometry.affine, AFFINE)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(("slope", "intercept"), [(0.5, 0.0), (1.0, -1024.0), (-2.0, 3.0)])
def test_stored_numbers_are_scaled(tmp_path: Path, suffix: str, slope: float, intercept: float) -> None:
    image = nibabel.Nifti1Image(VOXELS, AFFINE)
    image.header.set_slope_inter(slope, intercept)
    path = tmp_path / f"scaled{suffix}"
    image.to_filename(path)
    stored = loaded(path).dataobj.get_unscaled()
    read = read_image(path)
    assert read.array.dtype == np.float32
    assert np.allclose(read.voxels()[0], stored * slope + intercept, atol=1e-3)


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_a_slope_that_is_none_leaves_the_numbers(save_nifti: SaveNifti, slope: float) -> None:
    path = patched(save_nifti(VOXELS, name="a.nii"), SLOPE, "f", slope, 5.0)
    assert np.array_equal(read_image(path).voxels()[0], VOXELS)


def test_a_slope_with_an_intercept_that_is_no_number_is_told(save_nifti: SaveNifti) -> None:
    image = read_image(patched(save_nifti(VOXELS, name="a.nii"), SLOPE, "f", 2.0, float("nan")))
    assert np.array_equal(image.voxels()[0], 2.0 * VOXELS)
    assert "scl_inter" in image.warnings[0]


@pytest.fixture(scope="module")
def both_kinds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("nifti")
    for suffix in (".nii", ".nii.gz"):
        nibabel.Nifti1Image(VOXELS, AFFINE).to_filename(folder / f"volume{suffix}")
    return folder / "volume.nii", folder / "volume.nii.gz"


@settings(deadline=None)
@given(index=hnp.basic_indices((1, *VOXELS.shape), allow_newaxis=True))
def test_any_index_gives_what_numpy_gives(both_kinds: tuple[Path, Path], index: Any) -> None:
    for path in both_kinds:
        found = read_image(path).array[index]
        assert np.array_equal(found, VOXELS[None][index])


def test_a_slice_of_an_uncompressed_file_reads_that_slice_only(
    save_nifti: SaveNifti, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_nifti(np.zeros((64, 64, 200), np.int16), name="a.nii")
    monkeypatch.setattr("condseg_app.io.images._MOST_BYTES_CHECKED", 0)
    image = read_image(path)
    with path.open("r+b") as file:  # what is changed later is seen later
        file.seek(352 + 64 * 64 * 7 * 2)
        file.write(struct.pack("<h", 5))
    assert image.array[0, 0, 0, 7] == 5
    assert image.array[0, :, :, 7].shape == (64, 64)


def test_a_compressed_file_is_unpacked_once(save_nifti: SaveNifti, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_nifti(VOXELS)
    image = read_image(path)
    path.unlink()
    assert np.array_equal(image.array[0, :, :, 2], VOXELS[:, :, 2])
    with pytest.raises(ValueError, match="read-only"):
        image.voxels()[0, 0, 0, 0] = 1


def test_a_large_compressed_file_is_not_unpacked_before_it_is_looked_at(
    save_nifti: SaveNifti, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_nifti(VOXELS)
    monkeypatch.setattr("condseg_app.io.images._MOST_BYTES_CHECKED", 0)
    monkeypatch.setattr(file_voxels, "_UNPACKED_AT_ONCE", 0)
    image = read_image(path)
    path.unlink()
    with pytest.raises(ReadError, match=r"volume\.nii\.gz"):
        image.voxels()


def test_a_large_compressed_file_that_is_cut_off_is_refused_when_it_is_opened(
    save_nifti: SaveNifti, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_nifti(VOXELS)
    path.write_bytes(path.read_bytes()[:-20])
    monkeypatch.setattr("condseg_app.io.images._MOST_BYTES_CHECKED", 0)
    monkeypatch.setattr(file_voxels, "_UNPACKED_AT_ONCE", 0)
    with pytest.raises(ReadError, match="cut off or damaged"):
        read_image(path)


def test_a_wrong_checksum_is_noticed(save_nifti: SaveNifti) -> None:
    path = save_nifti(VOXELS)
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ReadError, match="damaged"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.9])
def test_a_file_that_is_cut_off_is_refused(save_nifti: SaveNifti, suffix: str, part: float) -> None:
    path = save_nifti(np.random.default_rng(0).random((20, 20, 20)), name=f"a{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ReadError) as caught:
        read_image(path)
    assert caught.value.path == path


def test_a_file_that_became_shorter_is_told(save_nifti: SaveNifti) -> None:
    path = save_nifti(VOXELS, name="a.nii")
    image = read_image(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ReadError, match="open it again"):
        image.voxels()


@pytest.mark.parametrize(
    ("code", "unit", "factor"), [(0, "mm", 1), (1, "mm", 1000), (2, "mm", 1), (3, "µm", 1), (10, "mm", 1)]
)
def test_units(save_nifti: SaveNifti, code: int, unit: str, factor: float) -> None:
    image = read_image(patched(save_nifti(VOXELS, name="a.nii"), XYZT, "B", code))
    assert image.geometry.unit == unit
    assert np.allclose(image.geometry.affine[:3], factor * AFFINE.astype(np.float32)[:3])


def test_an_unknown_unit_is_told(save_nifti: SaveNifti) -> None:
    assert "unit" in read_image(patched(save_nifti(VOXELS, name="a.nii"), XYZT, "B", 7)).warnings[0]


def test_the_qform_counts_where_there_is_no_sform(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS, None)
    affine = np.array([[0, 0, 3.0, 1], [2.0, 0, 0, 2], [0, 1.5, 0, 3], [0, 0, 0, 1]])
    image.set_qform(affine, 1)
    image.set_sform(None, 0)
    image.to_filename(tmp_path / "q.nii")
    assert np.allclose(read_image(tmp_path / "q.nii").geometry.affine, affine, atol=1e-5)


def test_without_orientation_codes_voxel_sizes_are_taken_and_told(save_nifti: SaveNifti) -> None:
    path = patched(patched(save_nifti(VOXELS, name="a.nii"), QFORM, "h", 0, 0), PIXDIM + 4, "f", 1.5, 2.0, 3.0)
    image = read_image(path)
    assert image.geometry.spacing == (1.5, 2.0, 3.0)
    assert image.geometry.orientation == "LAS"
    assert len(image.warnings) == 1
    assert "orientation is not stated" in image.warnings[0]


def test_voxel_sizes_that_cannot_be_used_are_told(save_nifti: SaveNifti) -> None:
    path = patched(patched(save_nifti(VOXELS, name="a.nii"), QFORM, "h", 0, 0), PIXDIM + 4, "f", 0, -2, float("nan"))
    image = read_image(path)
    assert image.geometry.spacing == (1.0, 2.0, 1.0)
    assert any("voxel sizes" in warning for warning in image.warnings)


BROKEN = [(0.0, 0, 0, 0), (float("nan"), 0, 0, 0), (float("inf"), 0, 0, 0)]


@pytest.mark.parametrize("row", BROKEN)
def test_where_no_part_of_a_header_can_be_used_it_is_refused(save_nifti: SaveNifti, row: tuple[float, ...]) -> None:
    path = patched(patched(save_nifti(VOXELS), SROW, "f", *row), PIXDIM + 4, "f", 0.0)
    with pytest.raises(GeometryError, match="affine") as caught:
        read_image(path)
    assert caught.value.path == path


@pytest.mark.parametrize("row", BROKEN)
def test_a_broken_sform_leaves_the_voxel_sizes(save_nifti: SaveNifti, row: tuple[float, ...]) -> None:
    image = read_image(patched(save_nifti(VOXELS), SROW, "f", *row))
    assert np.allclose(image.geometry.spacing, np.linalg.norm(AFFINE[:3, :3], axis=0))
    assert "sform cannot be used; its voxel sizes are taken" in image.warnings[0]
    assert "left and right may be swapped" in image.warnings[1]


def test_a_damaged_qform_leaves_the_voxel_sizes(save_nifti: SaveNifti) -> None:
    path = patched(patched(save_nifti(VOXELS, name="a.nii"), QFORM, "h", 1, 0), 256, "f", 3.0, 3.0, 3.0)
    assert "qform cannot be used" in read_image(path).warnings[0]
    with pytest.raises(GeometryError, match="qform"):
        read_image(patched(path, PIXDIM + 4, "f", 0.0))


def test_a_sheared_affine_is_kept_and_told(save_nifti: SaveNifti) -> None:
    sheared = np.eye(4)
    sheared[0, 2] = 0.4
    image = read_image(save_nifti(VOXELS, sheared))
    assert np.allclose(image.geometry.affine, sheared)
    assert "right angles" in image.warnings[0]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((5, 6, 4, 3), r"holds 3 frames; choose one with --frame \(0: frame 1 of 3;"),
        ((5, 6, 4, 1, 2), r"holds 2 channels; choose one with --channel \(channel 1; channel 2\)"),
        ((5, 6, 4, 1, 1, 2), r"more axes than space, time and channels \(shape \(5, 6, 4, 1, 1, 2\)\)"),
        ((40, 1, 1), "row of numbers"),
        ((1, 1, 1), "row of numbers"),
    ],
)
def test_what_is_no_volume_is_refused(save_nifti: SaveNifti, shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(ReadError, match=reason):
        read_image(save_nifti(np.zeros(shape, np.int16)))


def test_a_vector_field_is_named_as_such(save_nifti: SaveNifti) -> None:
    with pytest.raises(ReadError, match="vectors"):
        read_image(save_nifti(np.zeros((5, 6, 4, 1, 3), np.float32), intent_code=1007))


@pytest.mark.parametrize(
    ("shape", "volume"),
    [((5, 6, 1), (5, 6, 1)), ((5, 6), (5, 6, 1)), ((1, 6, 4), (1, 6, 4)), ((5, 6, 4, 1, 1), (5, 6, 4))],
)
def test_single_slices_and_trailing_axes_of_one_load(
    save_nifti: SaveNifti, shape: tuple[int, ...], volume: tuple[int, int, int]
) -> None:
    image = read_image(save_nifti(np.arange(np.prod(shape), dtype=np.int16).reshape(shape)))
    assert image.geometry.shape == volume
    assert image.voxels().shape == (1, *volume)


@pytest.mark.parametrize(
    ("dtype", "reason"),
    [
        (np.complex64, "complex numbers"),
        (np.complex128, "complex numbers"),
        ([("R", "u1"), ("G", "u1"), ("B", "u1")], "colours"),
    ],
)
def test_what_is_no_plain_number_is_refused(save_nifti: SaveNifti, dtype: Any, reason: str) -> None:
    with pytest.raises(ReadError, match=reason):
        read_image(save_nifti(np.zeros((5, 6, 4), dtype)))


@pytest.mark.parametrize(
    ("position", "kind", "value", "reason"),
    [
        (DATATYPE, "h", 1, "single bits"),
        (DATATYPE, "h", 999, "unknown type 999"),
        (DATATYPE, "h", 1536, "128 bits"),
        (DIM, "h", 0, "0 dimensions"),
        (DIM, "h", 8, "8 dimensions"),
        (DIM + 2, "h", -5, "impossible shape"),
        (DIM + 2, "h", 0, "impossible shape"),
        (DIM + 2, "h", 32767, "claims"),
        (344, "B", 0, "Analyze 7.5, or NIfTI without its mark"),
        (0, "i", 300, "not what its name says"),
    ],
)
def test_a_header_that_cannot_be_believed_is_refused(
    save_nifti: SaveNifti, position: int, kind: str, value: int, reason: str
) -> None:
    for name in ("a.nii", "a.nii.gz"):
        if (position, value, name) == (DIM + 2, 32767, "a.nii.gz"):
            continue  # zeros pack well enough for this claim to be possible
        path = patched(save_nifti(VOXELS, name=name), position, kind, value)
        with pytest.raises(ReadError, match=reason) as caught:
            read_image(path)
        assert caught.value.path == path


def test_a_claim_that_no_packing_could_meet_is_refused_before_memory_is_asked_for(save_nifti: SaveNifti) -> None:
    path = patched(save_nifti(VOXELS), DIM + 2, "h", 30000, 30000, 30000)
    with pytest.raises(ReadError, match="claims 54,000,000,000,000 bytes"):
        read_image(path)


@pytest.mark.parametrize("offset", [float("nan"), -100.0, 0.0, 1e30])
def test_an_odd_offset_is_no_way_out_of_the_file(save_nifti: SaveNifti, offset: float) -> None:
    path = patched(save_nifti(VOXELS, name="a.nii"), OFFSET, "f", offset)
    if offset == 1e30:
        with pytest.raises(ReadError, match="cut off"):
            read_image(path)
    else:
        assert np.array_equal(read_image(path).voxels()[0], VOXELS)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_voxels_that_are_not_finite_are_counted(save_nifti: SaveNifti, suffix: str) -> None:
    voxels = np.ones((5, 6, 4), np.float32)
    voxels[0, 0, :3] = np.nan
    voxels[1, 0, 0] = np.inf
    image = read_image(save_nifti(voxels, name=f"a{suffix}"))
    assert image.warnings[0].startswith("4 of its voxels are not finite")


def test_one_intensity_everywhere_is_told(save_nifti: SaveNifti) -> None:
    assert "same intensity" in read_image(save_nifti(np.full((5, 6, 4), 7, np.int16))).warnings[0]


def test_a_name_that_does_not_say_whether_it_is_compressed_is_told(save_nifti: SaveNifti, tmp_path: Path) -> None:
    packed = save_nifti(VOXELS, name="a.nii.gz").rename(tmp_path / "b.nii")
    plain = save_nifti(VOXELS, name="a.nii").rename(tmp_path / "c.nii.gz")
    for path, what in ((packed, "it is compressed"), (plain, "it is not compressed")):
        image = read_image(path)
        assert what in image.warnings[0]
        assert np.array_equal(image.voxels()[0], VOXELS)


def test_a_pair_opens_by_either_half(tmp_path: Path) -> None:
    nibabel.Nifti1Pair(VOXELS, AFFINE).to_filename(tmp_path / "pair.hdr")
    for name in ("pair.hdr", "pair.img"):
        assert np.array_equal(read_image(tmp_path / name).voxels()[0], VOXELS)
    (tmp_path / "pair.img").unlink()
    with pytest.raises(ReadError, match=r"pair\.img is missing"):
        read_image(tmp_path / "pair.hdr")


def test_what_does_not_exist_or_is_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no such file"):
        read_image(tmp_path / "none.nii.gz")
    with pytest.raises(ReadError, match="is a folder"):
        read_image(tmp_path)


@settings(deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 4)] * 3),
    linear=hnp.arrays(np.float64, (3, 3), elements=st.floats(-50, 50)),
    offset=hnp.arrays(np.float64, 3, elements=st.floats(-1e4, 1e4)),
    packed=st.booleans(),
)
def test_any_affine_is_written_so_that_it_reads_back_to_float32(
    both_kinds: tuple[Path, Path],
    shape: tuple[int, int, int],
    linear: NDArray[np.float64],
    offset: NDArray[np.float64],
    packed: bool,
) -> None:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, offset
    try:
        geometry = Geometry(shape, affine)
        Geometry(shape, affine.astype(np.float32))
    except GeometryError:
        return
    path = both_kinds[0].with_name(f"written.nii{'.gz' if packed else ''}")
    write(path, np.ones(shape, np.uint8), geometry)
    image = loaded(path)
    assert np.array_equal(image.affine, affine.astype(np.float32))
    if image.header["qform_code"]:  # programs that prefer the qform see the same place
        assert Geometry(shape, image.get_qform()).fits(geometry)


def test_a_rotated_grid_has_a_qform_and_a_sheared_one_has_none(tmp_path: Path) -> None:
    sheared = np.array(AFFINE)
    sheared[0, 2] = 1.0
    for affine, code in ((np.diag([-2.0, 2.0, 3.0, 1.0]), 2), (sheared, 0)):
        path = tmp_path / "a.nii"
        write(path, VOXELS, Geometry((5, 6, 4), affine))
        assert loaded(path).header["qform_code"] == code
        assert loaded(path).header["sform_code"] > 0


def test_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    geometry = Geometry((5, 6, 4), AFFINE)
    paths = [tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"]
    for path in paths:
        write(path, VOXELS.copy(), geometry)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", ">i2", "f4", "f8", "i8"])
@pytest.mark.parametrize("unit", ["mm", "µm"])
def test_a_file_is_byte_for_byte_what_nibabel_writes(tmp_path: Path, dtype: str, unit: Unit) -> None:
    voxels = np.abs(VOXELS).astype(dtype)
    expected = nibabel.Nifti1Image(voxels.astype(np.dtype(dtype).newbyteorder("=")), AFFINE, dtype=dtype)
    expected.set_sform(AFFINE, code="aligned")
    expected.header.set_xyzt_units({"mm": "mm", "µm": "micron"}[unit])
    write(tmp_path / "a.nii", voxels, Geometry(VOXELS.shape, AFFINE, unit))
    if (tmp_path / "a.nii").read_bytes()[QFORM] == 0:
        expected.set_qform(None, code="unknown")
    else:
        expected.set_qform(AFFINE, code="aligned")
    assert (tmp_path / "a.nii").read_bytes() == expected.to_bytes()


def test_numbers_that_nifti_does_not_know_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="no numbers of the type float16"):
        write(tmp_path / "a.nii", VOXELS.astype(np.float16), Geometry((5, 6, 4), AFFINE))


def test_an_axis_too_long_for_nifti_1_is_written_as_nifti_2(tmp_path: Path) -> None:
    array = np.zeros((40000, 2, 1), np.uint8)
    path = tmp_path / "long.nii.gz"
    write(path, array, Geometry.with_spacing(array.shape, (1, 1, 1)))
    assert read_image(path).geometry.shape == array.shape


@settings(deadline=None)
@given(position=st.integers(0, 351), value=st.integers(0, 255), packed=st.booleans())
def test_no_byte_of_a_header_leads_to_anything_but_an_image_or_a_sentence(
    both_kinds: tuple[Path, Path], position: int, value: int, packed: bool
) -> None:
    content = bytearray(both_kinds[0].read_bytes())
    content[position] = value
    path = both_kinds[0].with_name(f"mutant.nii{'.gz' if packed else ''}")
    path.write_bytes(gzip.compress(bytes(content)) if packed else bytes(content))
    sentence = _sentence(path)
    assert sentence is None or (str(path) in sentence and "\n" not in sentence)


def _sentence(path: Path) -> str | None:
    try:
        read_image(path).voxels()
    except CondsegError as error:
        return str(error)
    return None


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_frame_and_a_channel_are_chosen(save_nifti: SaveNifti, suffix: str) -> None:
    array = np.random.default_rng(0).integers(0, 99, (5, 6, 4, 3, 2)).astype(np.int16)
    path = save_nifti(array, name=f"a{suffix}")
    image = read_image(path, Pick(frame=2, channel="channel 2"))
    assert np.array_equal(image.voxels()[0], array[..., 2, 1])
    assert np.array_equal(image.array[0, 1:3, ::2, 3], array[1:3, ::2, 3, 2, 1])
    for pick in (Pick(frame=3, channel="channel 2"), Pick(frame=0, channel="channel 3"), Pick(frame=-1)):
        with pytest.raises(ReadError):
            read_image(path, pick)


def test_three_fractions_a_voxel_that_are_called_vectors_are_refused(save_nifti: SaveNifti) -> None:
    field = save_nifti(np.ones((5, 6, 4, 1, 3), np.float32), intent_code=1007)
    with pytest.raises(ReadError, match="vectors, not intensities"):
        read_image(field)


def test_voxels_too_large_for_a_network_are_told(save_nifti: SaveNifti) -> None:
    voxels = np.random.default_rng(0).normal(size=(4, 5, 6))
    voxels[0, 0, :2] = 1e300, -1e300
    assert read_image(save_nifti(voxels)).warnings[0].startswith("2 of its voxels are beyond 3.4e+38; the lowest")
