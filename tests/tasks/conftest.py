"""A small data set and a model of it, for tests that go from files to files."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from condseg_app.cli import main


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in the Decathlon's layout: two boxes on noise, in LPS axes."""
    folder = tmp_path_factory.mktemp("data") / "blobs"
    (folder / "imagesTr").mkdir(parents=True)
    (folder / "labelsTr").mkdir()
    affine = np.diag([-2.0, -2.0, 3.0, 1.0])
    names = [f"case_{n}" for n in range(4)]
    for n, name in enumerate(names):
        rng = np.random.default_rng(n)
        labels = np.zeros((18, 20, 9), np.uint8)
        labels[2:8, 3:12, 2:7] = 1
        labels[10:16, 6:15, 2:7] = 2
        voxels = (rng.normal(0, 10, labels.shape) + 100 * (labels == 1) - 100 * (labels == 2)).astype(np.int16)
        nibabel.Nifti1Image(voxels, affine).to_filename(folder / "imagesTr" / f"{name}.nii.gz")
        nibabel.Nifti1Image(labels, affine).to_filename(folder / "labelsTr" / f"{name}.nii.gz")
    content = {
        "labels": {"0": "background", "1": "bright", "2": "dark"},
        "training": [{"image": f"imagesTr/{n}.nii.gz", "label": f"labelsTr/{n}.nii.gz"} for n in names],
        "split": {"train": names[:3], "val": names[3:]},
        "single_class_groups": {"bright": names[:1], "dark": names[1:3]},
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="session")
def quick() -> list[str]:
    """Options with which a training takes a moment."""
    return ["--steps", "2", "--batch", "1", "--window", "16,16,8", "--device", "cpu"]


@pytest.fixture(scope="session")
def model(blobs: Path, quick: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that `condseg train` made of it."""
    output = tmp_path_factory.mktemp("models") / "blobs.safetensors"
    assert main(["train", str(blobs), "--groups", "single", "--output", str(output), *quick]) == 0
    return output
