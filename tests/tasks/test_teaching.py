"""Teaching from files, and classes as files, through the command."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condseg_app.cli import main
from condseg_app.data import ClassChange
from condseg_app.engine.finetune.compare import compare_on_lesson
from condseg_app.errors import ModelError
from condseg_app.io import file_hash, read_case, read_data_set, read_model
from condseg_app.io.models.class_file import read_class
from condseg_app.tasks.teach import TeachingPlan, TeachingResult, on_few_slices, teach


@pytest.fixture(scope="module")
def one(blobs: Path, quick: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one of the two classes."""
    output = tmp_path_factory.mktemp("one") / "one.safetensors"
    assert main(["train", str(blobs), "--classes", "bright", "--output", str(output), *quick]) == 0
    return output


@pytest.fixture(scope="module")
def alone(one: Path, blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The other class, taught to it, as a file."""
    output = tmp_path_factory.mktemp("class") / "dark.class.safetensors"
    assert main([*teaching(one, blobs, output), "--slices", "6"]) == 0
    return output


def teaching(model: Path, data: Path, output: Path) -> list[str]:
    command = ["teach", "dark", "--model", str(model), "--data", str(data), "--output", str(output)]
    return [*command, "--steps", "2", "--device", "cpu"]


def test_a_class_travels_as_a_small_file_into_another_copy(
    one: Path, alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert alone.stat().st_size < 300_000
    before = file_hash(one)
    for name, command in {
        "two": ["import", str(alone), "--model", str(one)],
        "renamed": ["rename", "dark", "darkness", "--model", str(tmp_path / "two.safetensors")],
        "less": ["remove", "darkness", "--model", str(tmp_path / "renamed.safetensors")],
    }.items():
        assert main(["class", *command, "--output", str(tmp_path / f"{name}.safetensors")]) == 0
    assert file_hash(one) == before
    two, renamed, less = (read_model(tmp_path / f"{name}.safetensors") for name in ("two", "renamed", "less"))
    assert two.classes.names == ("bright", "dark")
    assert renamed.classes.names == ("bright", "darkness")
    assert less.classes.names == ("bright",)
    assert renamed.classes["darkness"].id == two.classes["dark"].id == read_class(alone).entry.id
    again = tmp_path / "again.class.safetensors"
    exporting = ["class", "export", "dark", "--model", str(tmp_path / "two.safetensors"), "--output", str(again)]
    assert main(exporting) == 0
    first, second = read_class(alone), read_class(again)
    assert first.trunk_sha256 == second.trunk_sha256
    assert all(np.array_equal(first.row[key], second.row[key]) for key in first.row)
    assert first.training["certificate"] == second.training["certificate"]
    capsys.readouterr()
    again_into = ["class", "import", str(alone), "--model", str(tmp_path / "two.safetensors"), "--output", str(again)]
    assert main(again_into) == 2
    assert "has this class already, as 'dark'; remove that one first" in capsys.readouterr().err
    again_into[again_into.index("--model") + 1] = str(tmp_path / "renamed.safetensors")
    assert main(again_into) == 2
    assert "has this class already, as 'darkness'; remove that one first" in capsys.readouterr().err


def test_the_lesson_is_certified(one: Path, blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "two.safetensors"
    assert main([*teaching(one, blobs, output), "--slices", "6", "--cases", "2"]) == 0
    assert "old classes unchanged to the bit on 2 images" in capsys.readouterr().out
    certificate = read_model(output).training["classes"]["dark"]["certificate"]
    assert certificate["trunk_before"] == certificate["trunk_after"]
    assert len(certificate["images"]) == 2


@pytest.mark.parametrize("slices", ["2", "6"])
def test_a_lesson_that_learnt_little_says_why(
    one: Path, blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], slices: str
) -> None:
    assert main([*teaching(one, blobs, tmp_path / "two.safetensors"), "--slices", slices]) == 0
    said = capsys.readouterr().out
    assert "It took 2 steps, where" in said
    assert ("Only 2 slices are annotated: annotate three or more" in said) == (slices == "2")


def test_a_class_without_held_out_slices_is_compared_alone(
    one: Path, blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[object]()

    def compared(*arguments: Any) -> tuple[ClassChange, ...]:
        asked.append(arguments[-1])
        return compare_on_lesson(*arguments)

    monkeypatch.setattr("condseg_app.tasks.teach.compare_on_lesson", compared)
    assert main([*teaching(one, blobs, tmp_path / "two.safetensors"), "--slices", "1"]) == 0
    assert asked
    assert all(names == ["dark"] for names in asked)


def test_a_model_that_forgets_is_not_written_unasked(
    one: Path, blobs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = (ClassChange("bright", 0.9, 0.89, "annotation"), ClassChange("dark", None, 0.8, "annotation"))
    monkeypatch.setattr("condseg_app.tasks.teach.compare_on_lesson", lambda *_: worse)
    output = tmp_path / "two.safetensors"
    arguments = [*teaching(one, blobs, output), "--mode", "full"]
    assert main(arguments) == 2
    assert "nothing was written, for bright became worse" in capsys.readouterr().err
    assert not output.exists()
    assert main([*arguments, "--yes"]) == 0
    assert read_model(output).classes.names == ("bright", "dark")


def test_slices_are_spread_over_the_class(blobs: Path, one: Path) -> None:
    data = read_data_set(blobs)
    image, annotations = read_case(data.cases[0], data.classes)
    dark = next(a for a in annotations if a.class_name == "dark")
    few = on_few_slices(image, dark, read_model(one), 2)
    planes = np.flatnonzero(few.supervised.any(axis=(0, 1)))
    assert planes.tolist() == [3, 5]
    assert few.supervised[..., planes].all()
    assert np.array_equal(few.mask[..., planes], dark.mask[..., planes])


def test_the_full_mode_writes_no_class_alone(one: Path, blobs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="changes the whole model; name a model's file"):
        TeachingPlan("dark", str(one), blobs, tmp_path / "dark.class.safetensors", mode="full")


def test_a_class_can_be_taught_further(one: Path, blobs: Path, tmp_path: Path) -> None:
    plan = TeachingPlan("bright", str(one), blobs, tmp_path / "better.safetensors", steps=2, device="cpu")
    *_, result = teach(plan)
    assert isinstance(result, TeachingResult)
    assert result.model.classes == read_model(one).classes
    assert result.certificate is not None
    assert result.certificate.holds, "the class that is taught further is no old class"
    assert result.nearest is None, "a class does not look like itself"
