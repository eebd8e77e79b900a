"""Files that do not fit into the memory, or into what the process may take of it."""

import gzip
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from condseg_app.data import Geometry, Image
from condseg_app.errors import OutOfMemory, ReadError
from condseg_app.io import read_image
from condseg_app.io.image_files import write_image
from condseg_app.io.voxels import unpack

SaveNifti = Callable[..., Path]
VOXELS = np.random.default_rng(0).integers(-1000, 1000, (9, 8, 7)).astype(np.int16)
Usage = namedtuple("Usage", "total used free")

# Sums what a file holds region by region, with so much address space left.
READS_WITHIN_A_LIMIT = """
import resource, sys
from pathlib import Path
import numpy as np, psutil, zarr
from condseg_app.io import read_image
path, room = Path(sys.argv[1]), int(sys.argv[2]) << 20
if path.name.endswith(".zarr"):
    read_image(path).array[0, :2, :2, :2]  # zarr's threads are there
resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + room,) * 2)
array = read_image(path).array
total = 0
for k in range(0, array.shape[3], 16):
    total += int(array[0, :, :, k : k + 16].sum(dtype=np.int64))
corner = array[0, 100:130, 200:230, ::50]
print(array.size if hasattr(array, "size") else np.prod(array.shape), total, int(corner.sum(dtype=np.int64)))
"""


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Hardly any memory is free; temporary files go into this folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("condseg_app.memory.free_memory", lambda: 100)
    monkeypatch.setattr(unpack, "roomy_folder", lambda: folder)
    return folder


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux'")
@pytest.mark.parametrize("name", ["large.nii", "large.nii.gz", "large.ome.zarr"])
def test_a_file_of_several_times_the_room_is_read_region_by_region(tmp_path: Path, name: str) -> None:
    shape, room = (512, 512, 600), 80  # 300 MiB of voxels
    row = np.arange(512, dtype=np.int16)
    voxels = np.broadcast_to(row[:, None, None], shape)
    path = tmp_path / name
    write_image(path, _image(voxels[None]))
    found = subprocess.run(
        [sys.executable, "-c", READS_WITHIN_A_LIMIT, str(path), str(room)],
        capture_output=True,
        text=True,
        timeout=240,
        env={"PYTHONPATH": ":".join(sys.path), "MALLOC_ARENA_MAX": "2", "TMPDIR": str(tmp_path)},
    )
    corner = int(voxels[100:130, 200:230, ::50].sum(dtype=np.int64))
    assert found.stdout.split() == [str(voxels.size), str(int(voxels.sum(dtype=np.int64))), str(corner)], found.stderr


def _image(array: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]") -> Image:
    _, i, j, k = array.shape
    return Image(array, Geometry.with_spacing((i, j, k), (1, 1, 2)))


def test_a_compressed_file_that_does_not_fit_is_unpacked_onto_the_disk_once(
    save_nifti: SaveNifti, no_memory: Path
) -> None:
    path = save_nifti(VOXELS)
    image = read_image(path)
    path.unlink()
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert np.array_equal(image.array[0, 2:5, :, 3], VOXELS[2:5, :, 3])
    assert list(no_memory.iterdir()) == []  # it has no name


def test_stored_numbers_are_scaled_from_the_disk_too(tmp_path: Path, no_memory: Path) -> None:
    image = nibabel.Nifti1Image(VOXELS, np.eye(4), nibabel.Nifti1Header(endianness=">"), dtype=np.int16)
    image.header.set_slope_inter(0.5, -3.0)
    image.to_filename(tmp_path / "scaled.nii.gz")
    expected = nibabel.load(tmp_path / "scaled.nii.gz").dataobj  # type: ignore[attr-defined]
    found = read_image(tmp_path / "scaled.nii.gz")
    assert found.array.dtype == np.float32
    assert np.allclose(found.array[0, ..., 2:4], expected[..., 2:4])


@pytest.mark.parametrize(("part", "words"), [(0.5, "cut off or damaged"), (None, "bytes of voxels are there")])
def test_one_that_is_cut_off_is_still_refused(
    save_nifti: SaveNifti, no_memory: Path, part: float | None, words: str
) -> None:
    path = save_nifti(VOXELS)
    if part is None:
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-10]))
    else:
        path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(ReadError, match=words):
        read_image(path)


def test_a_full_disk_is_one_sentence(save_nifti: SaveNifti, no_memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_nifti(VOXELS)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(1000, 1000, 0))
    with pytest.raises(OutOfMemory, match=r"volume\.nii\.gz: its voxels need .* GiB, more than is free"):
        read_image(path)


def test_a_disk_that_fills_up_on_the_way_is_the_same_sentence(
    save_nifti: SaveNifti, no_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_nifti(VOXELS)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **options: full.open("w+b", buffering=0))
    with pytest.raises(OutOfMemory, match="TMPDIR") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)


def test_a_region_that_does_not_fit_is_refused_before_it_is_read(
    save_nifti: SaveNifti, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = read_image(save_nifti(VOXELS, name="a.nii"))
    monkeypatch.setattr("condseg_app.memory._WORTH_A_LOOK", 100)
    monkeypatch.setattr("condseg_app.memory.free_memory", lambda: 200)
    assert image.array[0, :2, :2, :2].shape == (2, 2, 2)
    with pytest.raises(OutOfMemory, match=r"a\.nii.*use a part of it"):
        image.voxels()


def test_large_temporary_files_go_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    if Path("/var/tmp").is_dir():
        assert unpack.roomy_folder() == Path("/var/tmp")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert unpack.roomy_folder() == tmp_path
