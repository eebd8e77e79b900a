import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from condseg_app.data import ClassTable, Geometry, LabelMap
from condseg_app.errors import GeometryError, ReadError
from condseg_app.io import read_case, read_data_set, read_image, write_label_map
from condseg_app.io.image_files import write_image

SaveNifti = Callable[..., Path]
SharedData = Callable[[str], Path]
VOXELS = np.random.default_rng(0).integers(0, 100, (5, 6, 4)).astype(np.int16)
LABELS = np.random.default_rng(1).integers(0, 3, (5, 6, 4)).astype(np.uint8)


@pytest.fixture
def decathlon(tmp_path: Path, save_nifti: SaveNifti) -> Callable[..., Path]:
    """Three cases in the Decathlon's layout, with whatever dataset.json says."""

    def make(**content: Any) -> Path:
        for name in ("a", "b", "c"):
            save_nifti(VOXELS, name=f"set/imagesTr/{name}.nii.gz")
            save_nifti(LABELS, name=f"set/labelsTr/{name}.nii.gz")
        described = {"labels": {"0": "background", "1": "liver", "2": "spleen"}, "licence": "CC0", **content}
        (tmp_path / "set" / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
        return tmp_path / "set"

    return make


def listed(*names: str) -> list[dict[str, str]]:
    return [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in names]


def class_folder(folder: Path, images: int = 3, size: tuple[int, int] = (5, 7)) -> None:
    rng = np.random.default_rng(0)
    for sub in ("images", "masks"):
        (folder / sub).mkdir(parents=True)
    for n in range(images):
        PIL.Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(folder / "images" / f"{n}.jpg")
        mask = np.zeros(size, np.uint8)
        mask[n, : n + 1] = 255
        PIL.Image.fromarray(mask).save(folder / "masks" / f"{n}.png")


@pytest.mark.parametrize("content", [{}, {"training": listed("c", "a", "b")}])
def test_the_decathlons_layout(decathlon: Callable[..., Path], content: dict[str, Any]) -> None:
    folder = decathlon(**content)
    data = read_data_set(folder)
    assert (data.name, data.root, data.licence, data.warnings) == ("set", folder, "CC0", ())
    assert [(e.value, e.name) for e in data.classes] == [(1, "liver"), (2, "spleen")]
    assert [c.name for c in data.cases] == ["a", "b", "c"]
    assert all(c.labelled == {"liver", "spleen"} and c.split is None for c in data.cases)
    image, annotations = read_case(data.cases[0], data.classes)
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert [a.class_name for a in annotations] == ["liver", "spleen"]
    assert np.array_equal(annotations[1].mask, LABELS == 2)
    assert all(a.supervised.all() and a.supervised.strides == (0, 0, 0) for a in annotations)


def test_images_and_labels_may_be_zarr_folders(decathlon: Callable[..., Path]) -> None:
    folder = decathlon()
    for kind in ("imagesTr", "labelsTr"):
        earlier = folder / kind / "b.nii.gz"
        write_image(folder / kind / "b.ome.zarr", read_image(earlier))
        earlier.unlink()
    cases = read_data_set(folder).cases
    assert [c.name for c in cases] == ["a", "b", "c"]
    image, annotations = read_case(cases[1], read_data_set(folder).classes)
    assert np.array_equal(image.voxels()[0], VOXELS)
    assert np.array_equal(annotations[1].mask, LABELS == 2)


@pytest.mark.parametrize(
    "labels",
    [{"background": 0, "liver": 1, "spleen": 2}, {"2": " spleen ", "0": "background", "1": "liver"}],
)
def test_names_and_values_either_way_round(decathlon: Callable[..., Path], labels: dict[str, Any]) -> None:
    assert [(e.value, e.name) for e in read_data_set(decathlon(labels=labels)).classes] == [(1, "liver"), (2, "spleen")]


def test_colours_come_from_the_list_of_classes(decathlon: Callable[..., Path]) -> None:
    rows = [{"id": 0, "name": "background"}, {"id": 2, "name": "spleen", "color": [1, 2, 3]}]
    assert read_data_set(decathlon(classes=rows)).classes["spleen"].color == (1, 2, 3)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"0": "background"}, "names no class"),
        ({"1": "liver", "2": "liver"}, "used twice"),
        ({"liver": {"value": 1}}, "table of labels is wrong"),
        ({"liver": []}, "the region 'liver' has no value"),
        ({"70000": "liver"}, "1 to 65535"),
        ({"1": ""}, "cannot be a class's name, for it is empty"),
        (["liver"], "must be an object"),
    ],
)
def test_a_wrong_table_of_labels_is_refused(decathlon: Callable[..., Path], labels: Any, reason: str) -> None:
    folder = decathlon(labels=labels)
    with pytest.raises(ReadError, match=reason) as caught:
        read_data_set(folder)
    assert caught.value.path == folder / "dataset.json"


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00", '"text"'])
def test_a_damaged_dataset_json_is_refused(decathlon: Callable[..., Path], content: str) -> None:
    folder = decathlon()
    (folder / "dataset.json").write_text(content)
    with pytest.raises(ReadError, match=r"dataset\.json: it "):
        read_data_set(folder)


def test_split_and_groups(decathlon: Callable[..., Path]) -> None:
    data = read_data_set(
        decathlon(
            split={"train": ["a", "b.nii.gz"], "val": ["c"], "test": []},
            single_class_groups={"liver": ["a"], "spleen": ["b"]},
        )
    )
    assert [c.split for c in data.cases] == ["train", "train", "val"]
    assert data.groups == {"single": {"liver": ("a",), "spleen": ("b",)}}
    assert [c.name for c in data.single_class("single")[1].cases] == ["b"]
    assert data.warnings == ()


def test_nested_groups_are_variants(decathlon: Callable[..., Path]) -> None:
    groups = {"one": {"liver": ["a", "b"]}, "two": {"spleen": ["c"]}}
    data = read_data_set(decathlon(single_class_groups=groups))
    assert data.groups == {"one": {"liver": ("a", "b")}, "two": {"spleen": ("c",)}}


def test_what_split_and_groups_name_without_its_being_there_is_told(decathlon: Callable[..., Path]) -> None:
    data = read_data_set(
        decathlon(split={"train": ["a", "z"], "heldout": ["b"]}, single_class_groups={"liver": ["a", "y"], "lung": []})
    )
    assert [c.split for c in data.cases] == ["train", "train", "train"]
    assert data.groups == {"single": {"liver": ("a",)}}
    text = "; ".join(data.warnings)
    assert all(f"{name} is" in text or name in text for name in ("heldout", "z", "lung, y"))


def test_a_case_in_two_splits_is_refused(decathlon: Callable[..., Path]) -> None:
    with pytest.raises(ReadError, match="'a' is in splits train and val"):
        read_data_set(decathlon(split={"train": ["a"], "val": ["a"]}))


@pytest.mark.parametrize("key", ["split", "single_class_groups"])
def test_lists_where_there_should_be_names_are_refused(decathlon: Callable[..., Path], key: str) -> None:
    with pytest.raises(ReadError, match=key):
        read_data_set(decathlon(**{key: ["a"]}))


def test_a_group_that_is_no_list_is_refused(decathlon: Callable[..., Path]) -> None:
    with pytest.raises(ReadError, match="wrong at 'one'"):
        read_data_set(decathlon(single_class_groups={"one": {"liver": "a"}}))


@pytest.mark.parametrize("with_list", [False, True])
def test_files_without_their_counterpart_are_left_out_and_named(
    decathlon: Callable[..., Path], with_list: bool
) -> None:
    folder = decathlon(**({"training": listed("a", "b", "c")} if with_list else {}))
    (folder / "labelsTr" / "b.nii.gz").unlink()
    (folder / "imagesTr" / "c.nii.gz").unlink()
    data = read_data_set(folder)
    assert [c.name for c in data.cases] == ["a"]
    text = "; ".join(data.warnings)
    assert "image b.nii.gz is without labels" in text
    assert "label map c.nii.gz is without an image" in text


def test_a_complete_pair_that_is_not_listed_is_told(decathlon: Callable[..., Path]) -> None:
    data = read_data_set(decathlon(training=listed("a", "b")))
    assert [c.name for c in data.cases] == ["a", "b"]
    assert data.warnings == ("c.nii.gz is not listed in dataset.json and left out",)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_list_that_leads_out_of_the_folder_is_not_followed(
    decathlon: Callable[..., Path], save_nifti: SaveNifti, absolute: bool
) -> None:
    there = save_nifti(LABELS, name="outside.nii.gz")
    outside = str(there) if absolute else "../outside.nii.gz"
    data = read_data_set(decathlon(training=[*listed("a"), {"image": outside, "label": outside}]))
    assert [c.name for c in data.cases] == ["a"]
    assert f"{outside} is outside of the folder and left out" in data.warnings


def test_a_list_of_something_else_is_refused(decathlon: Callable[..., Path]) -> None:
    with pytest.raises(ReadError, match="'training' must list"):
        read_data_set(decathlon(training=["a"]))


def test_sidecars_and_hidden_files_among_the_labels_are_no_labels(decathlon: Callable[..., Path]) -> None:
    folder = decathlon()
    labels = LabelMap(LABELS, Geometry.with_spacing(LABELS.shape, (1, 1, 1)), ClassTable.from_names(["x"]))
    write_label_map(folder / "labelsTr" / "c.nii.gz", labels)
    (folder / "imagesTr" / "._a.nii.gz").write_bytes(b"\0")
    (folder / "imagesTr" / ".DS_Store").write_bytes(b"\0")
    assert read_data_set(folder).warnings == ()


def test_values_that_are_not_in_the_table_are_told(decathlon: Callable[..., Path]) -> None:
    data = read_data_set(decathlon(labels={"1": "liver"}))
    image, annotations = read_case(data.cases[0], data.classes)
    assert [a.class_name for a in annotations] == ["liver"]
    assert image.warnings == ("label 2 is not in the class table and left out",)


def test_labels_that_do_not_fit_are_refused_by_name(decathlon: Callable[..., Path], save_nifti: SaveNifti) -> None:
    data = read_data_set(decathlon())
    path = save_nifti(LABELS[:4], name="set/labelsTr/a.nii.gz")
    with pytest.raises(GeometryError) as caught:
        read_case(data.cases[0], data.classes)
    assert caught.value.path == path


def test_folders_of_images_and_masks(tmp_path: Path) -> None:
    for name in ("dog", "cat"):
        class_folder(tmp_path / name)
    (tmp_path / "notes").mkdir()
    data = read_data_set(tmp_path)
    assert data.classes.names == ("cat", "dog")
    assert [c.name for c in data.cases] == [f"{n}/{i}" for n in ("cat", "dog") for i in range(3)]
    assert all(c.labelled == {c.name.split("/")[0]} for c in data.cases)
    assert data.groups["single"]["dog"] == ("dog/0", "dog/1", "dog/2")
    assert data.warnings == ()
    image, (annotation,) = read_case(data.cases[4], data.classes)
    assert image.is_rgb
    assert annotation.class_name == "dog"
    assert annotation.mask.sum() == 2
    assert annotation.supervised.all()


def test_what_is_odd_about_a_mask_is_told(tmp_path: Path) -> None:
    class_folder(tmp_path / "cat")
    for mask in (tmp_path / "cat" / "masks").iterdir():
        pixels = np.array(PIL.Image.open(mask).convert("L"))
        mask.unlink()
        tifffile.imwrite(mask.with_suffix(".tif"), pixels, photometric="miniswhite")
    data = read_data_set(tmp_path)
    image, (annotation,) = read_case(data.cases[0], data.classes)
    assert annotation.mask.sum() == 1
    assert any("0 is white" in warning for warning in image.warnings)


def test_one_classs_folder(tmp_path: Path) -> None:
    class_folder(tmp_path / "cat")
    data = read_data_set(tmp_path / "cat")
    assert (data.name, data.classes.names, len(data.cases)) == ("cat", ("cat",), 3)


def test_dataset_json_adds_values_colours_split_and_licence(tmp_path: Path) -> None:
    for name in ("dog", "cat", "owl"):
        class_folder(tmp_path / name)
    rows = [{"value": 7, "name": "cat", "color": [9, 8, 7]}, {"value": 3, "name": "dog"}]
    described = {"classes": rows, "split": {"val": ["cat/1"], "train": ["cat/0", "cat/2"]}, "license": "CC BY 4.0"}
    (tmp_path / "dataset.json").write_text(json.dumps(described))
    data = read_data_set(tmp_path)
    assert [(e.value, e.name) for e in data.classes] == [(3, "dog"), (7, "cat")]
    assert data.classes["cat"].color == (9, 8, 7)
    assert [c.name for c in data.part("val").cases] == ["cat/1"]
    assert data.licence == "CC BY 4.0"
    assert data.warnings == (
        "folder owl is no class of dataset.json and left out",
        "dog/0, dog/1, dog/2 are in no split and taken for training",
    )
    assert {c.split for c in data.cases if c.name.startswith("dog/")} == {"train"}


def test_images_without_a_mask_and_masks_without_an_image_are_told(tmp_path: Path) -> None:
    class_folder(tmp_path / "cat")
    (tmp_path / "cat" / "masks" / "0.png").unlink()
    (tmp_path / "cat" / "images" / "1.jpg").unlink()
    data = read_data_set(tmp_path)
    assert [c.name for c in data.cases] == ["cat/2"]
    assert data.warnings == (
        "image cat/images/0.jpg is without a mask and left out",
        "mask cat/masks/1.png is without an image and left out",
    )


def test_an_empty_mask_and_one_of_another_size_are_refused_by_name(tmp_path: Path) -> None:
    class_folder(tmp_path / "cat")
    path = tmp_path / "cat" / "masks" / "0.png"
    data = read_data_set(tmp_path)
    PIL.Image.fromarray(np.zeros((5, 7), np.uint8)).save(path)
    with pytest.raises(ReadError, match="no voxel of its class") as empty:
        read_case(data.cases[0], data.classes)
    PIL.Image.fromarray(np.ones((5, 8), np.uint8)).save(path)
    with pytest.raises(GeometryError, match=r"\(8, 5, 1\).*\(7, 5, 1\)") as larger:
        read_case(data.cases[0], data.classes)
    assert empty.value.path == larger.value.path == path


def test_what_is_no_data_set_is_told(tmp_path: Path, decathlon: Callable[..., Path]) -> None:
    with pytest.raises(ReadError, match="no such folder"):
        read_data_set(tmp_path / "none")
    with pytest.raises(ReadError, match="is not a data set"):
        read_data_set(tmp_path)
    (tmp_path / "cat" / "images").mkdir(parents=True)
    (tmp_path / "cat" / "masks").mkdir()
    with pytest.raises(ReadError, match="holds no image with a mask"):
        read_data_set(tmp_path)
    folder = decathlon()
    for path in (folder / "labelsTr").iterdir():
        path.unlink()
    with pytest.raises(ReadError, match="holds no image that can be read in labelsTr"):
        read_data_set(folder)


def test_many_names_are_cut_short(decathlon: Callable[..., Path]) -> None:
    data = read_data_set(decathlon(split={"train": [f"x{n}" for n in range(9)]}))
    assert data.warnings == ("x0, x1, x2, x3, x4 and 4 more are in a split without being there",)


# Real data


@pytest.mark.parametrize(
    ("name", "cases", "classes", "variants", "splits"),
    [
        ("hippocampus", 220, ("Anterior", "Posterior"), {"single": 2}, {"train": 160, "val": 30, "test": 30}),
        (
            "abdomen_ct",
            24,
            13,
            {"three_organs_6_cases_each": 3, "six_organs_3_cases_each": 6},
            {"train": 18, "val": 3, "test": 3},
        ),
        ("abdomen_mr", 15, 4, {"single": 4}, {"train": 11, "val": 2, "test": 2}),
    ],
)
def test_real_decathlon_sets(
    shared_data: SharedData,
    name: str,
    cases: int,
    classes: tuple[str, ...] | int,
    variants: dict[str, int],
    splits: dict[str, int],
) -> None:
    data = read_data_set(shared_data(name))
    assert data.warnings == ()
    assert len(data.cases) == cases
    assert data.classes.names == classes if isinstance(classes, tuple) else len(data.classes) == classes
    assert {variant: len(groups) for variant, groups in data.groups.items()} == variants
    assert {s: len(data.part(s).cases) for s in ("train", "val", "test")} == splits
    for variant in data.groups:
        members = [c.name for part in data.single_class(variant) for c in part.cases]
        assert len(members) == len(set(members))  # no volume is shown for two classes
    image, annotations = read_case(data.cases[0], data.classes)
    assert image.warnings == ()
    assert [a.state for a in annotations] == ["present"] * len(data.classes)


def test_real_photographs(shared_data: SharedData) -> None:
    data = read_data_set(shared_data("single_class_photos"))
    assert (data.classes.names, len(data.cases), data.warnings) == (("cat", "cow", "dog"), 360, ())
    alone = read_data_set(shared_data("single_class_photos/dog"))
    assert (alone.classes.names, len(alone.cases)) == (("dog",), 120)
    for case in (data.cases[0], data.cases[130], alone.cases[5]):
        image, (annotation,) = read_case(case, data.classes)
        assert image.is_rgb
        assert annotation.class_name == case.name.split("/")[0]
        assert annotation.state == "present"
