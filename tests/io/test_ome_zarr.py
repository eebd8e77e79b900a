"""OME-Zarr and plain zarr folders, written and read back with zarr itself."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image
from condseg_app.errors import CondsegError, OutOfMemory, ReadError, WriteError
from condseg_app.io import can_read, describe, is_image, read_image
from condseg_app.io.contents import format_of
from condseg_app.io.file_start import name_of
from condseg_app.io.image_files import write_image

OBLIQUE = np.array([[-2.0, 0.1, 0, 30], [0.1, 2.0, 0, -12.5], [0, 0, 3.5, 7], [0, 0, 0, 1]])
VOXELS = np.random.default_rng(0).integers(-1000, 1000, (4, 6, 5)).astype(np.int16)  # (z, y, x)
SCALE = [3.0, 2.0, 1.0]
Change = Callable[[dict[str, Any]], object]


def axes(names: str, unit: str | None = "millimeter") -> list[dict[str, str]]:
    kinds = {"t": "time", "c": "channel"}
    found: list[dict[str, str]] = []
    for name in names:
        axis = {"name": name, "type": kinds.get(name, "space")}
        found.append({**axis, "unit": unit} if unit and name in "xyz" else axis)
    return found


def multiscale(names: str = "zyx", scale: list[float] | None = None, **more: Any) -> dict[str, Any]:
    scales = scale or [{"z": 3.0, "y": 2.0, "x": 1.0}.get(name, 1.0) for name in names]
    data = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scales}]}
    return {"axes": axes(names), "datasets": [data], **more}


def save(
    folder: Path, array: NDArray[Any] = VOXELS, ome: dict[str, Any] | None = None, version: str = "0.5", **options: Any
) -> Path:
    """Write with zarr alone, as the specification says."""
    content = {"multiscales": [multiscale()]} if ome is None else ome
    if version == "0.5":
        attributes: dict[str, Any] = {"ome": {"version": "0.5", **content}}
    else:
        attributes = {**content, "multiscales": [{**m, "version": version} for m in content["multiscales"]]}
    group = zarr.open_group(folder, mode="w", zarr_format=3 if version == "0.5" else 2, attributes=attributes)
    group.create_array("0", data=array, **{"chunks": tuple(min(3, n) for n in array.shape), **options})
    return folder


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("dtype", ["u1", "i2", ">i2", "u4", "f4", "f8", "?"])
def test_voxels_spacing_and_unit_are_those_of_the_folder(tmp_path: Path, version: str, dtype: str) -> None:
    if (version, dtype) == ("0.5", ">i2"):
        pytest.skip("zarr 3 has its byte order in a codec")
    voxels = (VOXELS > 0) if dtype == "?" else np.abs(VOXELS).astype(dtype)
    path = save(tmp_path / "scan.ome.zarr", voxels, version=version)
    image = read_image(path)
    native = np.dtype("u1" if dtype == "?" else dtype).newbyteorder("=")
    assert image.array.dtype == image.voxels().dtype == native
    assert np.array_equal(image.voxels()[0], voxels.transpose())
    assert image.geometry.shape == (5, 6, 4)
    assert (image.geometry.spacing, image.geometry.unit) == ((1.0, 2.0, 3.0), "mm")
    assert (image.name, image.channels, image.source) == ("scan", ("intensity",), path)


@pytest.mark.parametrize("names", ["zyx", "xyz", "yx", "cyx", "czyx", "tczyx", "tcyx", "tzyx", "xyzc"])
def test_axes_in_any_order_become_channels_and_x_y_z(tmp_path: Path, names: str) -> None:
    lengths = {"t": 1, "c": 2, "z": 4, "y": 6, "x": 5}
    voxels = np.random.default_rng(1).integers(0, 99, [lengths[name] for name in names])
    image = read_image(save(tmp_path / "a.zarr", voxels, {"multiscales": [multiscale(names)]}))
    expected = np.zeros((2 if "c" in names else 1, 5, 6, 4 if "z" in names else 1), voxels.dtype)
    for c, i, j, k in np.ndindex(expected.shape):
        at = {"t": 0, "c": c, "x": i, "y": j, "z": k}
        expected[c, i, j, k] = voxels[tuple(at[name] for name in names)]
    assert np.array_equal(image.voxels(), expected)
    assert np.array_equal(image.array[0, 1:3, 5, ::-1], expected[0, 1:3, 5, ::-1])
    assert image.array[:0].shape == (0, *expected.shape[1:])
    assert len(image.channels) == len(expected)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    voxels = np.stack([VOXELS, VOXELS + 1])
    ome = {"multiscales": [multiscale("czyx")]}
    return save(tmp_path_factory.mktemp("zarr") / "two.zarr", voxels, ome)


@given(index=hnp.basic_indices((2, 5, 6, 4), allow_newaxis=True))
def test_any_index_gives_what_numpy_gives(folder: Path, index: Any) -> None:
    expected = np.stack([VOXELS, VOXELS + 1]).transpose(0, 3, 2, 1)
    assert np.array_equal(read_image(folder).array[index], expected[index])


def test_only_the_chunks_that_are_asked_for_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("condseg_app.io.images._MOST_BYTES_CHECKED", 0)
    path = save(tmp_path / "a.zarr")
    image = read_image(path)
    for chunk in (path / "0/c/1").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"damaged")
    assert np.array_equal(image.array[0, :, :, :3], VOXELS.transpose()[..., :3])
    with pytest.raises(ReadError, match=r"a\.zarr: the zarr is damaged"):
        _ = image.array[0, :, :, 3]


@pytest.mark.parametrize(
    ("units", "unit", "spacing"),
    [
        (("micrometer",) * 3, "µm", (1, 2, 3)),
        (("nanometer",) * 3, "µm", (0.001, 0.002, 0.003)),
        (("meter",) * 3, "mm", (1000, 2000, 3000)),
        (("µm", "um", "micrometer"), "µm", (1, 2, 3)),
        (("millimeter", "micrometer", "micrometer"), "µm", (1, 2, 3000)),
        ((None, None, None), "pixel", (1, 2, 3)),
        (("parsec", "parsec", "parsec"), "pixel", (1, 2, 3)),
    ],
)
def test_units(tmp_path: Path, units: tuple[str | None, ...], unit: str, spacing: tuple[float, ...]) -> None:
    scales = multiscale()
    scales["axes"] = [{"name": n, "type": "space", "unit": u} for n, u in zip("zyx", units, strict=True)]
    image = read_image(save(tmp_path / "a.zarr", ome={"multiscales": [scales]}))
    assert image.geometry.unit == unit
    assert image.geometry.spacing == pytest.approx(spacing)
    assert any("pixels are taken" in warning for warning in image.warnings) == (unit == "pixel")


def test_offsets_and_the_transforms_of_the_whole_are_followed_in_their_order(tmp_path: Path) -> None:
    scales = multiscale()
    scales["datasets"][0]["coordinateTransformations"].append({"type": "translation", "translation": [30, 20, 10]})
    scales["coordinateTransformations"] = [{"type": "scale", "scale": [2, 2, 2]}, {"type": "identity"}]
    image = read_image(save(tmp_path / "a.zarr", ome={"multiscales": [scales]}))
    expected = np.array([[-2.0, 0, 0, -20], [0, -4.0, 0, -40], [0, 0, 6.0, 60], [0, 0, 0, 1]])
    assert np.array_equal(image.geometry.affine, expected)  # x to the left, y to the back, as pictures lie
    assert "left and right may be swapped" in image.warnings[0]


def test_anatomical_directions_are_followed(tmp_path: Path) -> None:
    scales = multiscale()
    values = ("superior-to-inferior", "left-to-right", "posterior-to-anterior")
    for axis, value in zip(scales["axes"], values, strict=True):
        axis["orientation"] = {"type": "anatomical", "value": value}
    image = read_image(save(tmp_path / "a.zarr", ome={"multiscales": [scales]}))
    assert (image.geometry.orientation, image.geometry.spacing, image.warnings) == ("ARI", (1, 2, 3), ())
    scales["axes"][0]["orientation"]["value"] = "left-to-right"  # twice
    assert "not stated" in read_image(save(tmp_path / "b.zarr", ome={"multiscales": [scales]})).warnings[0]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["nuclei", "actin"], ("nuclei", "actin")),
        (["nuclei"], ("channel 1", "channel 2")),
        (["same", "same"], ("channel 1", "channel 2")),
        (None, ("channel 1", "channel 2")),
    ],
)
def test_channels_have_their_names(tmp_path: Path, labels: list[str] | None, expected: tuple[str, ...]) -> None:
    ome: dict[str, Any] = {"multiscales": [multiscale("cyx")]}
    if labels is not None:
        ome["omero"] = {"channels": [{"label": label, "color": "FF0000"} for label in labels]}
    assert read_image(save(tmp_path / "a.zarr", VOXELS[:2], ome)).channels == expected


def test_the_one_image_that_bioformats2raw_wrote_is_opened(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    save(tmp_path / "a.zarr/0", version="0.4")
    assert np.array_equal(read_image(tmp_path / "a.zarr").voxels()[0], VOXELS.transpose())
    group.create_group("1")
    with pytest.raises(ReadError, match=r"open one of the folders in it \(0, 1\)"):
        read_image(tmp_path / "a.zarr")
    assert read_image(tmp_path / "a.zarr/0").geometry.shape == (5, 6, 4)


def test_shards_are_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.zarr", np.tile(VOXELS, (2, 2, 2)), chunks=(2, 3, 5), shards=(4, 6, 10))
    assert np.array_equal(read_image(path).voxels()[0], np.tile(VOXELS, (2, 2, 2)).transpose())


def test_a_folder_is_known_by_its_name_or_its_content(tmp_path: Path) -> None:
    path = save(tmp_path / "scan.OME.zarr")
    assert (format_of(path).name, name_of(path), can_read(path), is_image(path)) == ("OME-Zarr", "scan", True, True)
    other = path.rename(tmp_path / "scan")
    assert (format_of(other).name, is_image(other)) == ("OME-Zarr", True)
    assert read_image(other).geometry.shape == (5, 6, 4)
    (tmp_path / "file.zarr").write_text("no folder")
    assert not is_image(tmp_path / "file.zarr")
    with pytest.raises(ReadError, match="damaged, or not what its name says"):
        read_image(tmp_path / "file.zarr")


def test_it_can_be_described(tmp_path: Path) -> None:
    found = describe(save(tmp_path / "a.ome.zarr"))
    assert (found.kind, found.format, found.shape, found.unit) == ("image", "OME-Zarr", (5, 6, 4), "mm")
    assert found.details == {"lowest": VOXELS.min(), "highest": VOXELS.max()}


# Arrays without OME's metadata


@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_array_is_taken_as_slices_of_pixels(tmp_path: Path, version: Any) -> None:
    voxels = np.arange(5 * 6 * 7).reshape(5, 6, 7)
    zarr.create_array(tmp_path / "a.zarr", data=voxels, zarr_format=version)
    image = read_image(tmp_path / "a.zarr")
    assert np.array_equal(image.voxels()[0], voxels.transpose())
    assert (image.geometry.unit, image.geometry.orientation) == ("pixel", "LPS")


def test_a_plain_array_may_name_its_axes(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=VOXELS, dimension_names=["x", "z", "y"])
    assert np.array_equal(read_image(tmp_path / "a.zarr").voxels()[0], VOXELS.transpose(0, 2, 1))
    flat = zarr.create_array(tmp_path / "b.zarr", data=VOXELS[0], zarr_format=2)
    assert read_image(tmp_path / "b.zarr").geometry.shape == (5, 6, 1)
    flat.attrs["_ARRAY_DIMENSIONS"] = ["x", "y"]
    assert read_image(tmp_path / "b.zarr").geometry.shape == (6, 5, 1)


@pytest.mark.parametrize(
    ("shape", "words"), [((3, 6, 7), "of channels"), ((6, 7, 3), "of channels"), ((5,) * 4, "OME")]
)
def test_a_plain_array_that_may_be_several_things_is_refused(
    tmp_path: Path, shape: tuple[int, ...], words: str
) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=np.ones(shape))
    with pytest.raises(ReadError, match=words):
        read_image(tmp_path / "a.zarr")
    if len(shape) == 3:
        zarr.create_array(tmp_path / "b.zarr", data=np.ones(shape), dimension_names=["c", "y", "x"])
        with pytest.raises(ReadError, match="write it as OME-Zarr"):
            read_image(tmp_path / "b.zarr")


# What is refused


def changed(path: Path, change: Change, inside: str = "0/zarr.json") -> Path:
    content = json.loads((path / inside).read_text())
    change(content)
    (path / inside).write_text(json.dumps(content))
    return path


def first(content: dict[str, Any]) -> dict[str, Any]:
    """The multiscale of a zarr.json."""
    found: dict[str, Any] = content["attributes"]["ome"]["multiscales"][0]
    return found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["attributes"].clear(), "without OME metadata"),
        (lambda c: c["attributes"].update(ome=[]), "without OME metadata"),
        (lambda c: c["attributes"]["ome"].update(multiscales=[]), "not complete"),
        (lambda c: c["attributes"]["ome"].update(multiscales=[5]), "not complete"),
        (lambda c: c["attributes"]["ome"].update(version="0.6"), r"is OME-Zarr 0\.6"),
        (lambda c: c["attributes"]["ome"].update(plate={}), "plate"),
        (lambda c: first(c).pop("axes"), "not complete"),
        (lambda c: first(c)["axes"].pop(), "contradict"),
        (lambda c: first(c).update(axes=axes("zzyx")[:3]), "contradict"),
        (lambda c: first(c).update(axes=axes("qyx")), "the axes q, y, x"),
        (lambda c: first(c).update(axes=axes("zcx")), "the axes z, c, x"),
        (lambda c: first(c).update(axes=axes("tyx")), "holds 4 frames"),
        (lambda c: first(c)["datasets"][0].update(path="../0"), "outside of the folder"),
        (lambda c: first(c)["datasets"][0].update(path="/etc"), "outside of the folder"),
        (lambda c: first(c)["datasets"][0].update(path="7"), "'7' is missing"),
        (lambda c: first(c)["datasets"][0].update(path=""), "outside of the folder"),
        (lambda c: first(c)["datasets"][0]["coordinateTransformations"][0].update(scale=[1, 1]), "contradict"),
        (lambda c: first(c)["datasets"][0]["coordinateTransformations"][0].update(scale=["a", 1, 1]), "not complete"),
    ],
)
def test_metadata_that_cannot_be_used_are_refused(tmp_path: Path, change: Change, words: str) -> None:
    path = changed(save(tmp_path / "a.zarr"), change, "zarr.json")
    with pytest.raises(ReadError, match=words) as caught:
        read_image(path)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)


def test_a_scale_of_nothing_is_told(tmp_path: Path) -> None:
    ome = {"multiscales": [multiscale(scale=[0, 2, 3])]}
    image = read_image(save(tmp_path / "a.zarr", ome=ome))
    assert image.geometry.spacing == (3.0, 2.0, 1.0)
    assert any("cannot be used" in warning for warning in image.warnings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(shape=[4, 6]), "damaged|dimensions"),
        (lambda c: c.update(shape=[4, 6, -5]), "damaged"),
        (lambda c: c.update(shape=[4, 6, 0]), "impossible shape"),
        (lambda c: c.update(shape=[10**9] * 3), "impossible shape"),
        (lambda c: c["chunk_grid"]["configuration"].update(chunk_shape=[0, 3, 3]), "impossible|damaged"),
        (lambda c: c["chunk_grid"].update(name="rectilinear"), "damaged"),
        (lambda c: c.update(data_type="complex64", fill_value=[0, 0]), "holds complex64, not intensities"),
        (lambda c: c.update(data_type="string", fill_value=""), "string"),
        (lambda c: c.update(codecs=[{"name": "nobodys"}]), "damaged"),
        (lambda c: c.update(zarr_format=9), "damaged"),
    ],
)
def test_arrays_that_cannot_be_believed_are_refused(tmp_path: Path, change: Change, words: str) -> None:
    path = changed(save(tmp_path / "a.zarr"), change)
    with pytest.raises(ReadError, match=words) as caught:
        read_image(path).voxels()
    assert "\n" not in str(caught.value)


def test_chunks_larger_than_the_memory_are_refused(tmp_path: Path) -> None:
    path = changed(
        save(tmp_path / "a.zarr"), lambda c: c["chunk_grid"]["configuration"].update(chunk_shape=[10**5] * 3)
    )
    with pytest.raises(OutOfMemory, match="smaller ones"):
        read_image(path)


class Harmful:
    """Says so when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was read",)


@pytest.mark.parametrize("dtype", ["|O", "<i2"])
@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_no_pickle_is_ever_read(tmp_path: Path, dtype: str, place: str) -> None:
    path = save(tmp_path / "a.zarr", version="0.4")
    codec = {"id": "pickle", "protocol": 5}
    stated = {"dtype": dtype, "filters": None, "compressor": None, place: [codec] if place == "filters" else codec}
    changed(path, lambda content: content.update(stated), "0/.zarray")
    for chunk in (path / "0").rglob("[0-9]*"):
        if chunk.is_file():
            chunk.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(ReadError, match=r"pickle|No Zarr data type"):
        read_image(path).voxels()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("content", [b"", b"\x00", b"garbage" * 20, None])
def test_a_chunk_that_is_cut_off_is_told(tmp_path: Path, version: str, content: bytes | None) -> None:
    path = save(tmp_path / "a.zarr", np.random.default_rng(0).random((8, 8, 8)), version=version, chunks=(8, 8, 8))
    (chunk,) = (f for f in (path / "0").rglob("*") if f.is_file() and not f.name.startswith((".z", "zarr")))
    chunk.write_bytes(chunk.read_bytes()[:-7] if content is None else content)
    with pytest.raises(ReadError, match="damaged") as caught:
        read_image(path)
    assert caught.value.path == path


def test_missing_chunks_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.zarr")
    assert not any("chunks" in warning for warning in read_image(path).warnings)
    shutil.rmtree(path / "0/c")
    monkeypatch.setattr("condseg_app.io.images._MOST_BYTES_CHECKED", 0)
    assert "none of its chunks" in read_image(path).warnings[-1]


def test_folders_that_hold_nothing_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(ReadError, match=r"empty\.zarr: "):
        read_image(tmp_path / "empty.zarr")
    with pytest.raises(ReadError, match="no such file"):
        read_image(tmp_path / "none.zarr")
    path = save(tmp_path / "cut.zarr")
    (path / "zarr.json").write_text('{"zarr_format": 3, ')
    with pytest.raises(ReadError, match="damaged"):
        read_image(path)


@given(position=st.integers(0, 600), value=st.integers(0, 127), inside=st.sampled_from(["zarr.json", "0/zarr.json"]))
def test_no_byte_of_the_metadata_leads_to_anything_but_an_image_or_a_sentence(
    folder: Path, position: int, value: int, inside: str
) -> None:
    whole = (folder / inside).read_bytes()
    content = bytearray(whole)
    content[position % len(whole)] = value
    (folder / inside).write_bytes(content)
    sentence = _sentence(folder)
    (folder / inside).write_bytes(whole)
    assert sentence is None or (str(folder) in sentence and "\n" not in sentence)


def _sentence(path: Path) -> str | None:
    try:
        read_image(path).voxels()
    except CondsegError as error:
        return str(error)
    return None


# Writing


@pytest.mark.parametrize("unit", ["mm", "µm", "pixel"])
@pytest.mark.parametrize("channels", [("intensity",), ("red", "green", "blue"), ("a", "b")])
def test_what_is_written_reads_back_as_it_was(tmp_path: Path, unit: Any, channels: tuple[str, ...]) -> None:
    voxels = np.random.default_rng(0).integers(0, 255, (len(channels), 5, 6, 4)).astype(np.uint8)
    image = Image(voxels, Geometry((5, 6, 4), OBLIQUE, unit), channels=channels)
    write_image(tmp_path / "scan.ome.zarr", image)
    found = read_image(tmp_path / "scan.ome.zarr")
    assert np.array_equal(found.voxels(), voxels)
    assert found.array.dtype == np.uint8
    assert (found.geometry, found.channels, found.warnings) == (image.geometry, channels, ())
    assert [p.name for p in tmp_path.iterdir()] == ["scan.ome.zarr"]


def test_the_metadata_are_those_of_the_specification(tmp_path: Path) -> None:
    voxels = np.zeros((3, 200, 6, 4), np.uint8)
    affine = np.diag([-2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = (10, 20, 30)
    image = Image(voxels, Geometry((200, 6, 4), affine), channels=("red", "green", "blue"))
    write_image(tmp_path / "a.ome.zarr", image)
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    ome: Any = group.attrs["ome"]
    (stated,) = ome["multiscales"]
    array: Any = group["0"]
    assert (ome["version"], group.metadata.zarr_format, array.dtype) == ("0.5", 3, np.uint8)
    assert (array.shape, array.chunks) == ((3, 4, 6, 200), (1, 4, 6, 128))
    assert array.metadata.dimension_names == ("c", "z", "y", "x")
    assert [axis["name"] for axis in stated["axes"]] == ["c", "z", "y", "x"]
    assert stated["axes"][3]["orientation"] == {"type": "anatomical", "value": "right-to-left"}
    assert stated["axes"][3]["unit"] == "millimeter"
    assert stated["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": [1, 4, 3, 2]},
        {"type": "translation", "translation": [0, 30, 20, -10]},
    ]
    assert [c["label"] for c in ome["omero"]["channels"]] == ["red", "green", "blue"]


def test_others_see_the_same_place_unless_the_grid_is_turned(tmp_path: Path) -> None:
    geometry = Geometry((5, 6, 4), np.array([[0, 0, -3.0, 5], [2.0, 0, 0, 6], [0, -1.0, 0, 7], [0, 0, 0, 1]]))
    path = tmp_path / "a.zarr"
    write_image(path, Image(np.ones((1, 5, 6, 4), np.float32), geometry))
    changed(path, lambda content: content["attributes"].pop("condseg"), "zarr.json")
    assert read_image(path).geometry.fits(geometry)


def test_an_affine_of_ours_is_not_believed_when_the_scale_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write_image(path, Image(np.ones((1, 5, 6, 4), np.float32), Geometry((5, 6, 4), OBLIQUE)))
    changed(
        path,
        lambda c: first(c)["datasets"][0]["coordinateTransformations"][0].update(scale=[7.0, 4.0, 4.0]),
        "zarr.json",
    )
    assert read_image(path).geometry.spacing == (4, 4, 7)


def test_a_lazy_image_is_written_a_few_slices_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("condseg_app.io.voxels.regions._SLAB_BYTES", 2 * 30)
    write_image(tmp_path / "a.zarr", read_image(save(tmp_path / "from.zarr")))
    assert np.array_equal(read_image(tmp_path / "a.zarr").voxels()[0], VOXELS.transpose())


def test_an_earlier_folder_stays_until_the_new_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.zarr"
    geometry = Geometry.with_spacing((5, 6, 4), (1, 1, 1))
    write_image(path, Image(np.ones((1, 5, 6, 4), np.uint8), geometry))
    other = Image(np.full((1, 5, 6, 4), 2, np.uint8), geometry)

    def full(array: object) -> object:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("condseg_app.io.ome_zarr.writer.slabs", full)
        with pytest.raises(WriteError, match="No space left"):
            write_image(path, other)
    assert read_image(path).voxels().max() == 1
    replace = Path.replace
    calls: list[Path] = []

    def refuse_once(self: Path, target: Path) -> Path:
        if target == path:  # first the new one, after the earlier one has stepped aside; then the earlier one again
            calls.append(self)
        if target == path and len(calls) == 1:
            raise OSError(13, "Permission denied")
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse_once)
        with pytest.raises(WriteError, match="Permission denied"):
            write_image(path, other)
    assert read_image(path).voxels().max() == 1
    write_image(path, other)
    assert read_image(path).voxels().max() == 2
    assert [p.name for p in tmp_path.iterdir()] == ["a.zarr"]


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr/notes.txt").write_text("mine")
    with pytest.raises(WriteError, match="is a folder"):
        write_image(tmp_path / "a.zarr", Image(np.ones((1, 5, 6, 4)), Geometry.with_spacing((5, 6, 4), (1, 1, 1))))
    assert (tmp_path / "a.zarr/notes.txt").read_text() == "mine"


def test_numbers_that_it_does_not_hold_are_refused(tmp_path: Path) -> None:
    image = Image(np.ones((1, 5, 6, 4), np.complex64), Geometry.with_spacing((5, 6, 4), (1, 1, 1)))
    with pytest.raises(WriteError, match="complex64"):
        write_image(tmp_path / "a.zarr", image)
    assert not list(tmp_path.iterdir())
