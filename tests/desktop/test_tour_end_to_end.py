"""The real window, the real engine in its own process, a real (untrained) network: from a file to exported masks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from condseg_app.data import ClassTable, Geometry, Image, Preprocessing, Reorient, Spacing
from condseg_app.io import read_image, read_label_map, write_model
from condseg_app.io.image_files import write_image

pytestmark = [pytest.mark.gui, pytest.mark.slow, pytest.mark.timeout(600)]

HIPPOCAMPUS = Path(__file__).parents[2] / ".." / "shared" / "data" / "hippocampus" / "imagesTr"
SMALL = {"width": 16, "growth": (16, 16), "layers": (1, 1)}


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    from condseg_app.engine.networks import new_model

    plan = Preprocessing("3D", (32, 32, 16), orientation=Reorient("RAS"), spacing=Spacing((1.5, 1.5, 2.0)))
    path = tmp_path / "tiny.safetensors"
    write_model(path, new_model("tiny", "dense-3d", ClassTable.from_names(["front", "back"]), plan, SMALL))
    return path


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    """A real volume where there is one, else a made one."""
    found = sorted(HIPPOCAMPUS.glob("*.nii.gz")) if HIPPOCAMPUS.is_dir() else []
    if found:
        return found[0]
    path = tmp_path / "volume.nii.gz"
    geometry = Geometry.with_spacing((30, 34, 28), (1, 1, 1)).reoriented("LIA")
    voxels = np.random.default_rng(0).normal(size=(1, *geometry.shape)).astype(np.float32)
    write_image(path, Image(voxels, geometry, "volume"))
    return path


def test_the_tour_goes_from_a_file_to_masks(tmp_path: Path, model_file: Path, image_file: Path) -> None:
    output = tmp_path / "out"
    command = [sys.executable, "-m", "condseg_app", "app", "--tour", str(output)]
    done = subprocess.run(
        [*command, "--image", str(image_file), "--model", str(model_file)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("predicted front", "added 'my class'", "painted 'my class'", "taught 'my class'", "exported"):
        assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    pictures = sorted(output.glob("*.png"))
    assert len(pictures) >= 10
    assert all(picture.stat().st_size > 3_000 for picture in pictures)
    image = read_image(image_file)
    (file,) = output.glob("*_labels.nii.gz")
    labels = read_label_map(file, image)
    assert labels.geometry == image.geometry
    assert labels.classes.names == ("front", "back", "my class")
    masks = next(output.glob("*_masks"))
    assert {path.name for path in masks.glob("*.nii.gz")} == {"front.nii.gz", "back.nii.gz", "my class.nii.gz"}
    assert set(json.loads((masks / "classes.json").read_text())["files"]) == {"front", "back", "my class"}


def test_a_tour_that_fails_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "condseg_app", "app", "--tour", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--image", str(tmp_path / "missing.nii.gz")],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )
    assert done.returncode == 1
    assert "missing.nii.gz" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
