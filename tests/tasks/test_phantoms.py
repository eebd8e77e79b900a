import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condseg_app.errors import WriteError
from condseg_app.io import read_case, read_data_set
from condseg_app.tasks.make_phantoms import write_phantoms


def contents(folder: Path, pattern: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob(pattern))}


def description(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    return loaded


def flat(groups: Sequence[Sequence[str]]) -> list[str]:
    return [name for group in groups for name in group]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("phantom")
    for _ in write_phantoms(made, cases=2, scenes=18, seed=1):
        pass
    return made


def test_every_case_is_reported_when_it_is_there(tmp_path: Path) -> None:
    steps = []
    for step in write_phantoms(tmp_path, cases=0, scenes=3):
        assert isinstance(step.result, Path)
        assert step.result.is_file()
        assert not (tmp_path / "scene" / "dataset.json").exists()
        steps.append(step)
    assert [step.progress.fraction for step in steps] == pytest.approx([1 / 3, 2 / 3, 1])
    assert (tmp_path / "scene" / "dataset.json").is_file()
    assert not (tmp_path / "ct").exists()


@pytest.mark.parametrize("kind", ["ct", "scene"])
def test_a_set_reads_as_any_other(folder: Path, kind: str) -> None:
    found = read_data_set(folder / kind)
    assert len(found.cases) == {"ct": 2, "scene": 18}[kind]
    assert found.licence.startswith("CC0")
    assert len(found.classes) == 6
    for case in found.cases[:2]:
        image, annotations = read_case(case, found.classes)
        assert image.is_rgb == (kind == "scene")
        assert {a.class_name for a in annotations} == set(found.classes.names)
        assert any(np.asarray(a.mask).any() for a in annotations)


def test_splits_and_groups_share_no_case(folder: Path) -> None:
    found = description(folder / "scene")
    split, groups = found["split"], found["single_class_groups"]
    names = flat(list(split.values()))
    assert sorted(names) == [f"scene_{number:03d}" for number in range(1, 19)]
    assert {part: len(cases) for part, cases in split.items()} == {"train": 12, "val": 3, "test": 3}
    assert sorted(flat(list(groups.values()))) == sorted(split["train"])
    assert set(groups) == set(found["labels"].values()) - {"background"}
    assert {len(cases) for cases in groups.values()} == {2}


def test_the_same_seed_gives_the_same_files_and_more_cases_only_add(folder: Path, tmp_path: Path) -> None:
    for _ in write_phantoms(tmp_path, cases=1, scenes=7, seed=1):
        pass
    large, small = (contents(root, "*/*Tr/*") for root in (folder, tmp_path))
    assert len([name for name in small if "imagesTr" in name]) == 8
    assert all(large[name] == content for name, content in small.items())
    for part, cases in description(tmp_path / "scene")["split"].items():
        assert set(cases) <= set(description(folder / "scene")["split"][part])


def test_another_seed_gives_other_files(folder: Path, tmp_path: Path) -> None:
    for _ in write_phantoms(tmp_path, cases=0, scenes=2, seed=2):
        pass
    before, after = (contents(root, "scene/imagesTr/*") for root in (folder, tmp_path))
    assert all(before[name] != content for name, content in after.items())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(WriteError, match="taken"):
        next(write_phantoms(tmp_path / "taken", cases=1))
    with pytest.raises(WriteError):
        next(write_phantoms(tmp_path, cases=-1))
