"""What is odd about an image reaches whoever runs a command, once each."""

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from condseg_app.cli import main

TOLD = "1 of its voxels are not finite numbers"


@pytest.fixture
def odd_set(blobs: Path, tmp_path: Path) -> Path:
    """The data set, with a voxel that is no number in an image to learn from and in one to validate on."""
    folder = tmp_path / "odd"
    shutil.copytree(blobs, folder)
    for number in (0, 3):
        path = folder / "imagesTr" / f"case_{number}.nii.gz"
        image = nibabel.Nifti1Image.from_filename(path)
        voxels = np.asarray(image.dataobj).astype(np.float32)
        voxels[0, 0, 0] = np.nan
        nibabel.Nifti1Image(voxels, image.affine).to_filename(path)
    return folder


def told(captured: pytest.CaptureFixture[str]) -> list[str]:
    return sorted(line for line in captured.readouterr().err.splitlines() if TOLD in line)


def test_evaluate_tells(odd_set: Path, model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--model", str(model), "--data", str(odd_set), "--split", "all", "--device", "cpu"]) == 0
    lines = told(capfd)
    assert [line.split(": ")[1] for line in lines] == ["odd, case_0", "odd, case_3"]
    assert all(line.startswith("warning: ") for line in lines)


def test_teach_tells(odd_set: Path, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["teach", "bright", "--model", str(model), "--data", str(odd_set), "--steps", "1", "--device", "cpu"]
    assert main([*command, "--output", str(tmp_path / "taught.safetensors")]) == 0
    assert [line.split(": ")[1] for line in told(capfd)] == ["odd, case_0"]


def test_complete_labels_tells(odd_set: Path, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["complete-labels", str(odd_set), "--model", str(model), "--split", "all", "--groups", "single"]
    assert main([*command, "--output", str(tmp_path / "full"), "--device", "cpu"]) == 0
    assert [line.split(": ")[1] for line in told(capfd)] == ["odd, case_0"]
    assert json.loads((tmp_path / "full" / "dataset.json").read_text())["training"]


def test_train_tells_once_of_every_image_that_it_reads(
    odd_set: Path, tmp_path: Path, quick: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(odd_set), "--validate-every", "1", "--output", str(tmp_path / "m.safetensors"), *quick]
    assert main(command) == 0
    assert [line.split(": ")[1] for line in told(capfd)] == ["odd, case_0", "odd, val, case_3"]


def test_a_case_that_cannot_be_read_stops_no_other(
    odd_set: Path, model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (odd_set / "imagesTr" / "case_1.nii.gz").write_bytes(b"no image")
    figures = tmp_path / "figures.json"
    command = ["evaluate", "--model", str(model), "--data", str(odd_set), "--split", "all", "--device", "cpu"]
    assert main([*command, "--json", str(figures)]) == 2
    content = json.loads(figures.read_text())
    assert {case["case"] for case in content["cases"]} == {"case_0", "case_2", "case_3"}
    assert list(content["failed"]) == ["case_1"]
    assert capfd.readouterr().err.rstrip().endswith("condseg: 1 of 4 cases could not be read; see above")
    full = tmp_path / "full"
    command = ["complete-labels", str(odd_set), "--model", str(model), "--split", "all", "--device", "cpu"]
    assert main([*command, "--output", str(full)]) == 2
    assert len(json.loads((full / "dataset.json").read_text())["training"]) == 3
    error = capfd.readouterr().err
    assert "case_1 is left out" in error
    assert "condseg: 1 of 4 cases could not be read" in error
