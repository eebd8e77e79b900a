"""Label maps written box by box."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import PIL.Image
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from condseg_app.data import ClassEntry, ClassTable, Geometry, Image, LabelMap, Region
from condseg_app.errors import ClassTableError, GeometryError, WriteError
from condseg_app.io import describe, label_map_by_parts, read_label_map, write_binary_masks, write_label_map

SHAPE = (9, 7, 5)
AFFINE = np.array([[-2.0, 0.1, 0, 30], [0.1, 2.0, 0, -12.5], [0, 0, 3.5, 7], [0, 0, 0, 1]])
GEOMETRY = Geometry(SHAPE, AFFINE.astype(np.float32))
TABLE = ClassTable((ClassEntry(1, "liver", (200, 0, 10), -1.0), ClassEntry(7, "tumour", (0, 99, 0), 1.0, "liver")))
VALUES = np.random.default_rng(0).choice(np.array([0, 1, 7], np.uint8), SHAPE)
NAMES = ("out.nii", "out.nii.gz", "out.zarr", "out.ome.zarr")


def content(path: Path) -> dict[str, bytes]:
    """All bytes of a file or a folder, and of what lies beside it."""
    files = (file for file in path.parent.rglob("*") if file.is_file())
    return {str(file.relative_to(path.parent)): file.read_bytes() for file in files}


@st.composite
def cuts(draw: st.DrawFn) -> list[Region]:
    """Boxes that cover the grid, in any order."""
    boxes: list[Region] = [(slice(0, 9), slice(0, 7), slice(0, 5))]
    for _ in range(draw(st.integers(0, 5))):
        box = list(boxes.pop(draw(st.integers(0, len(boxes) - 1))))
        axis = draw(st.integers(0, 2))
        at = draw(st.integers(box[axis].start, box[axis].stop))
        for part in (slice(box[axis].start, at), slice(at, box[axis].stop)):
            box[axis] = part
            boxes.append((box[0], box[1], box[2]))
    return draw(st.permutations(boxes))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("parts")


@pytest.mark.parametrize("name", NAMES)
@given(boxes=cuts())
def test_in_any_order_of_boxes_the_files_are_those_of_a_whole_label_map(
    folders: tuple[Path, Path], name: str, boxes: list[Region]
) -> None:
    whole, parts = (folder / name.replace(".", "_") for folder in folders)
    for folder in (whole, parts):
        folder.mkdir(exist_ok=True)
    if not (whole / name).exists():
        write_label_map(whole / name, LabelMap(VALUES, GEOMETRY, TABLE), {"model": "m"})
    with label_map_by_parts(parts / name, GEOMETRY, TABLE, {"model": "m"}) as writer:
        for box in boxes:
            writer.write(box, VALUES[box])
    assert content(parts / name) == content(whole / name)


@pytest.mark.parametrize("name", NAMES)
def test_they_read_back_as_they_were(tmp_path: Path, name: str) -> None:
    files = write_label_map(tmp_path / name, LabelMap(VALUES, GEOMETRY, TABLE), {"model": "m"})
    assert sorted(files) == sorted(p for p in tmp_path.iterdir())
    image = Image(np.zeros((1, *SHAPE)), GEOMETRY)
    for labels in (read_label_map(tmp_path / name), read_label_map(tmp_path / name, image)):
        assert np.array_equal(labels.values, VALUES)
        assert (labels.geometry, labels.classes, labels.warnings) == (GEOMETRY, TABLE, ())
    assert describe(tmp_path / name).kind == "label map"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("value", "dtype"), [(255, np.uint8), (256, np.uint16), (65535, np.uint16)])
def test_the_table_decides_the_type(tmp_path: Path, name: str, value: int, dtype: type[np.generic]) -> None:
    table = ClassTable((ClassEntry(value, "a"),))
    box = (slice(8, 9), slice(None), slice(2, 4))
    with label_map_by_parts(tmp_path / name, GEOMETRY, table) as writer:
        writer.write(box, np.full((1, 7, 2), value, np.uint32))
    path = tmp_path / name
    if name.endswith("zarr"):
        array: Any = zarr.open_group(path, mode="r")["0"]
        found = array[...].transpose()
    else:
        found = np.asanyarray(nibabel.Nifti1Image.from_filename(path).dataobj)
    expected = np.zeros(SHAPE, dtype)
    expected[box] = value
    assert found.dtype == dtype
    assert np.array_equal(found, expected)  # what was not written is 0


def test_a_zarr_has_names_and_colours_of_its_own(tmp_path: Path) -> None:
    path, sidecar = write_label_map(tmp_path / "out.ome.zarr", LabelMap(VALUES, GEOMETRY, TABLE))
    ome: Any = zarr.open_group(path, mode="r").attrs["ome"]
    assert ome["image-label"]["colors"] == [
        {"label-value": 1, "rgba": [200, 0, 10, 255]},
        {"label-value": 7, "rgba": [0, 99, 0, 255]},
    ]
    assert [p["name"] for p in ome["image-label"]["properties"]] == ["liver", "tumour"]
    assert [axis["name"] for axis in ome["multiscales"][0]["axes"]] == ["z", "y", "x"]
    sidecar.unlink()
    found = read_label_map(path).classes
    assert [(e.value, e.name, e.color) for e in found] == [(e.value, e.name, e.color) for e in TABLE]


def test_names_in_a_zarr_that_cannot_be_used_are_passed_over(tmp_path: Path) -> None:
    path, sidecar = write_label_map(tmp_path / "out.zarr", LabelMap(VALUES, GEOMETRY, TABLE))
    sidecar.unlink()
    group = zarr.open_group(path, mode="r+")
    ome: Any = group.attrs["ome"]
    group.attrs["ome"] = {**ome, "image-label": {"properties": [{"label-value": "x", "name": "liver"}]}}
    labels = read_label_map(path)
    assert labels.classes.names == ("class 1", "class 7")
    assert "cannot be used" in labels.warnings[0]


def test_a_picture_is_kept_until_it_is_whole(tmp_path: Path) -> None:
    geometry, values = Geometry.of_picture(9, 7), VALUES[..., :1]
    with label_map_by_parts(tmp_path / "out.png", geometry, TABLE) as writer:
        for i in (slice(5, 9), slice(0, 5)):
            writer.write((i, slice(None), slice(None)), values[i])
    with PIL.Image.open(tmp_path / "out.png") as picture:
        assert np.array_equal(np.array(picture), values[..., 0].T)


def test_masks_as_zarr(tmp_path: Path) -> None:
    masks = {"liver": VALUES > 0, "tumour": VALUES == 7}
    files = write_binary_masks(tmp_path / "masks", masks, GEOMETRY, TABLE, ".zarr")
    for path, mask in zip(files, masks.values(), strict=False):
        assert np.array_equal(read_label_map(path).values, mask)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_what_fails_leaves_what_was_there(tmp_path: Path, name: str, before: bool, error: BaseException) -> None:
    if before:
        write_label_map(tmp_path / name, LabelMap(VALUES, GEOMETRY, TABLE))
    earlier = content(tmp_path / name)
    with pytest.raises(WriteError if isinstance(error, OSError) else type(error)):
        _write_half(tmp_path / name, error)
    assert content(tmp_path / name) == earlier
    assert bool(list(tmp_path.iterdir())) == before


def _write_half(path: Path, error: BaseException) -> None:
    with label_map_by_parts(path, GEOMETRY, TABLE) as writer:
        writer.write((slice(0, 3), slice(0, 7), slice(0, 5)), VALUES[:3])
        raise error


@pytest.mark.parametrize(
    "box", [(slice(0, 3), slice(0, 7), slice(0, 4)), (slice(0, 6, 2), slice(0, 7), slice(0, 5)), (slice(5, 2),) * 3]
)
def test_values_that_are_not_the_regions_are_refused(tmp_path: Path, box: Region) -> None:
    with (
        pytest.raises(GeometryError, match="for a region of shape"),
        label_map_by_parts(tmp_path / "out.nii", GEOMETRY, TABLE) as writer,
    ):
        writer.write(box, VALUES[:3])
    assert not list(tmp_path.iterdir())


def test_a_value_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ClassTableError, match="256"),
        label_map_by_parts(tmp_path / "out.nii", GEOMETRY, TABLE) as writer,
    ):
        writer.write((slice(None),) * 3, np.full(SHAPE, 256, np.uint16))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux'")
@pytest.mark.parametrize("name", NAMES)
def test_a_label_map_of_several_times_the_room_is_written(tmp_path: Path, name: str) -> None:
    program = """
import resource, sys
from pathlib import Path
import numpy as np, psutil
from condseg_app.data import ClassTable, Geometry
from condseg_app.io import label_map_by_parts
path, table = Path(sys.argv[1]), ClassTable.from_names(["a", "b"])
with label_map_by_parts(path.with_name(f"small_{path.name}"), Geometry.with_spacing((5, 5, 5), (1, 1, 1)), table) as w:
    w.write((slice(0, 5),) * 3, np.ones((5, 5, 5), np.uint8))  # threads and libraries are there
resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + (50 << 20),) * 2)
with label_map_by_parts(path, Geometry.with_spacing((512, 512, 800), (1, 1, 1)), table) as writer:
    for k in range(0, 800, 64):
        for j in range(0, 512, 128):
            depth = min(64, 800 - k)
            box = (slice(0, 512), slice(j, j + 128), slice(k, k + depth))
            writer.write(box, np.full((512, 128, depth), 1 + (k // 64) % 2, np.uint8))
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path / name)], check=True, timeout=240)
    labels = read_label_map(tmp_path / name)
    assert np.array_equal(labels.array[0, 0], 1 + np.arange(800) // 64 % 2)
    assert (labels.array == labels.array[:1, :1]).all()
