"""nnU-Net's form of the Decathlon's layout, and other neighbours of it."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condseg_app.errors import ReadError
from condseg_app.io import read_case, read_data_set
from condseg_app.io.data_sets.nnunet import regions_of

SaveNifti = Callable[..., Path]
VOXELS = np.random.default_rng(0).integers(0, 100, (5, 6, 4)).astype(np.int16)
LABELS = np.random.default_rng(1).integers(0, 5, (5, 6, 4)).astype(np.uint8)
NAMED = {"channel_names": {"0": "CT"}, "file_ending": ".nii.gz", "numTraining": 2}


@pytest.fixture
def raw(tmp_path: Path, save_nifti: SaveNifti) -> Callable[..., Path]:
    """A folder as nnU-Net wants it: two cases with so many channels."""

    def make(channels: int = 1, ending: str = ".nii.gz", **content: Any) -> Path:
        for case in ("liver_001", "liver_002"):
            for channel in range(channels):
                save_nifti(VOXELS, name=f"raw/imagesTr/{case}_{channel:04}{ending}")
            save_nifti(LABELS, name=f"raw/labelsTr/{case}{ending}")
        described = {"labels": {"background": 0, "liver": 1, "tumour": 2}, **NAMED, **content}
        (tmp_path / "raw" / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
        return tmp_path / "raw"

    return make


@pytest.mark.parametrize("ending", [".nii.gz", ".NII.GZ"])
def test_a_channels_number_is_no_part_of_the_cases_name(raw: Callable[..., Path], ending: str) -> None:
    data = read_data_set(raw(ending=ending, split={"train": ["liver_001"], "val": ["liver_002"]}))
    assert [(case.name, case.split) for case in data.cases] == [("liver_001", "train"), ("liver_002", "val")]
    assert data.warnings == ()
    image, _ = read_case(data.cases[0], data.classes)
    assert np.array_equal(image.voxels()[0], VOXELS)


def test_a_list_that_leaves_the_channel_out_is_followed(raw: Callable[..., Path]) -> None:
    names = ("liver_001", "liver_002")
    training = [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in names]
    data = read_data_set(raw(training=training))
    assert [case.name for case in data.cases] == list(names)
    assert data.warnings == ()


def test_several_channels_are_refused_by_name(raw: Callable[..., Path]) -> None:
    with pytest.raises(ReadError, match=r"2 channels in a file each, as nnU-Net has them \(liver_00._0000"):
        read_data_set(raw(channels=2))


def test_what_is_to_be_ignored_is_unknown(raw: Callable[..., Path]) -> None:
    data = read_data_set(raw(labels={"background": 0, "liver": 1, "tumour": 2, "ignore": 3}))
    assert data.classes.names == ("liver", "tumour")
    _, (liver, _) = read_case(data.cases[0], data.classes)
    assert np.array_equal(liver.supervised, LABELS != 3)
    plain = {"channel_names": None, "file_ending": None}
    described = json.loads((data.root / "dataset.json").read_text())
    kept = {key: value for key, value in described.items() if key not in plain}
    (data.root / "dataset.json").write_text(json.dumps(kept))
    assert read_data_set(data.root).classes.names == ("liver", "tumour", "ignore")


def test_regions_are_wholes_and_parts(raw: Callable[..., Path]) -> None:
    labels: dict[str, Any] = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": [3], "vessel": 4}
    data = read_data_set(raw(labels=labels, regions_class_order=[1, 2, 3, 4]))
    assert {entry.name: entry.part_of for entry in data.classes} == {
        "whole": None,
        "core": "whole",
        "enhancing": "core",
        "vessel": None,
    }
    _, annotations = read_case(data.cases[0], data.classes)
    for annotation in annotations:
        values = labels[annotation.class_name]
        assert np.array_equal(annotation.mask, np.isin(LABELS, values)), annotation.class_name


def test_regions_that_overlap_otherwise_are_told(raw: Callable[..., Path]) -> None:
    with pytest.raises(ReadError, match="regions 'a' and 'b' overlap, and neither is a part of the other"):
        read_data_set(raw(labels={"background": 0, "a": [1, 2], "b": [2, 3]}))


@given(st.lists(st.frozensets(st.integers(1, 6), min_size=1), min_size=1, max_size=5, unique=True))
def test_regions_give_every_class_its_own_voxels(sets: list[frozenset[int]]) -> None:
    labels = {f"r{n}": sorted(values) for n, values in enumerate(sets)}
    nested = all(a <= b or b <= a or not a & b for a in sets for b in sets)
    if not nested:
        with pytest.raises(ValueError, match="overlap"):
            regions_of(labels)
        return
    found = regions_of(labels)
    assert found is not None
    assert len(set(found.values.values())) == len(labels)
    for name, stored in labels.items():
        within = {n for n in labels if _contains(found.part_of, name, n)}
        values = {v for v in range(1, 7) if found.merged.get(v, v) in {found.values[n] for n in within}}
        assert values & set().union(*sets) == set(stored)


def _contains(part_of: Any, whole: str, part: str) -> bool:
    while part != whole:
        if part not in part_of:
            return False
        part = part_of[part]
    return True


def test_lists_of_windows_and_what_macos_leaves_are_read(tmp_path: Path, save_nifti: SaveNifti) -> None:
    for name in ("a", "b"):
        save_nifti(VOXELS, name=f"set/imagesTr/{name}.nii.gz")
        save_nifti(LABELS % 2, name=f"set/labelsTr/{name}.nii.gz")
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / "set" / folder / "._a.nii.gz").write_bytes(b"\0\5\x16\7Mac OS X")
        (tmp_path / "set" / folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    names = ("a", "b", "._a")
    training = [{"image": f".\\imagesTr\\{n}.nii.gz", "label": f"labelsTr\\{n}.nii.gz"} for n in names]
    training += [{"image": "..\\a.nii.gz", "label": "labelsTr\\a.nii.gz"}, {"image": "C:\\a.nii", "label": "C:\\b.nii"}]
    described = {"labels": {"0": "background", "1": "liver"}, "training": training}
    (tmp_path / "set" / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
    data = read_data_set(tmp_path / "set")
    assert [case.name for case in data.cases] == ["a", "b"]
    assert data.warnings == ("../a.nii.gz, C:/a.nii are outside of the folder and left out",)


def test_folders_that_are_not_searched_are_told(raw: Callable[..., Path]) -> None:
    folder = raw()
    (folder / "imagesTr" / "more").mkdir()
    assert read_data_set(folder).warnings == ("folder imagesTr/more is no image and not searched",)


def test_why_nothing_belongs_together_is_told_with_names(tmp_path: Path, save_nifti: SaveNifti) -> None:
    save_nifti(VOXELS, name="set/imagesTr/a.nii.gz")
    (tmp_path / "set" / "labelsTr").mkdir()
    (tmp_path / "set" / "dataset.json").write_text(json.dumps({"labels": {"1": "liver"}}))
    with pytest.raises(ReadError, match="no image that can be read in labelsTr"):
        read_data_set(tmp_path / "set")
    save_nifti(LABELS, name="set/labelsTr/other.nii.gz")
    with pytest.raises(ReadError, match=r"\(imagesTr/a.nii.gz, labelsTr/other.nii.gz\); rename them alike"):
        read_data_set(tmp_path / "set")


def test_a_list_is_followed_in_other_spellings_of_the_names(tmp_path: Path, save_nifti: SaveNifti) -> None:
    for folder, voxels in (("imagesTr", VOXELS), ("labelsTr", LABELS)):
        save_nifti(voxels, name=f"set/{folder}/{unicodedata.normalize('NFD', 'fémur')}.nii.gz")
        save_nifti(voxels, name=f"set/{folder}/Hip.NII.GZ")
    names = [f"{name}.nii.gz" for name in ("fémur", "hip")]
    content = {
        "labels": {"0": "background", "1": "bone"},
        "training": [{"image": f"imagesTr/{name}", "label": f"labelsTr/{name}"} for name in names],
        "split": {"train": ["fémur"], "val": ["Hip"]},
    }
    (tmp_path / "set" / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    data = read_data_set(tmp_path / "set")
    assert {case.name: case.split for case in data.cases} == {"fémur": "train", "Hip": "val"}
    assert data.warnings == ()


@pytest.mark.parametrize("name", ["liver", "Background", "unlabelled", "Clear Label"])
def test_a_class_at_0_is_told(raw: Callable[..., Path], name: str) -> None:
    data = read_data_set(raw(labels={name: 0, "spleen": 1}))
    assert data.classes.names == ("spleen",)
    told = ["label 0 is 'liver', and 0 is the background: no class; give classes 1 and more"]
    assert list(data.warnings) == (told if name == "liver" else [])
