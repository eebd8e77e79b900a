"""The frozen app, as somebody without Python gets it; `make test-installer` builds it first."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from harness.mutant_dicom import series
from harness.mutant_seeds import seeds
from harness.mutants import Mutant

from condseg_app.io import EXPORT_FORMATS
from condseg_app.io.formats import FORMATS

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "dist" / "condseg"
PROGRAM = BUNDLE / ("condseg.exe" if sys.platform == "win32" else "condseg")

pytestmark = [
    pytest.mark.installer,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not PROGRAM.exists(), reason=f"{BUNDLE} holds no bundle; 'make installer' builds one"),
]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Start the frozen program as a user who has never used it, from a folder that holds nothing."""
    home = tmp_path / "home"
    home.mkdir()
    # Neither this checkout nor its virtual environment may help out.
    hidden = ("PYTHON", "VIRTUAL_ENV", "QT_", "XDG_", "NAPARI")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    environment |= {"HOME": str(home), "USERPROFILE": str(home)}

    def run(*arguments: str, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAM), *arguments],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    return run


@pytest.mark.gui
def test_the_app_predicts_teaches_and_exports_through_its_own_engine(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "tour"

    done = run("app", "--tour", str(output), seconds=1500.0)

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(output.glob("*.png"))) >= 5
    sidecar = next(output.glob("*_labels.json"))
    names = {row["value"]: row["name"] for row in json.loads(sidecar.read_text(encoding="utf-8"))["classes"]}
    labels = nibabel.Nifti1Image.from_filename(sidecar.with_name(sidecar.stem + ".nii.gz"))
    found = {names[value] for value in np.unique(labels.get_fdata()) if value}
    assert {"liver", "spleen"} <= found
    assert list((output / "models").glob("*.safetensors"))  # the model that was taught


def test_the_command_line_knows_the_shipped_models(run: Run) -> None:
    done = run("models", "--json")

    assert done.returncode == 0, done.stderr
    shipped = {path.stem for path in (ROOT / "models" / "zoo").glob("*.safetensors")}
    assert shipped
    assert {model["name"] for model in json.loads(done.stdout)} == shipped


def test_bad_input_gets_one_line_and_exit_code_2(run: Run, tmp_path: Path) -> None:
    done = run("info", str(tmp_path / "nothing.nii.gz"))

    assert done.returncode == 2
    assert "nothing.nii.gz" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_it_reads_every_format(run: Run, tmp_path: Path) -> None:
    """Libraries that a format needs, and what they load by name, are in the bundle."""
    # Refused for what is in it, so it was read.
    seen_into = ("choose one with", "is a segmentation, not an image", "of slices or of channels")
    names = {form.name for form in FORMATS}
    for seed in seeds():
        if seed.format in names:
            folder = tmp_path / seed.format / seed.main
            done = run("info", str(Mutant(seed, seed.files, ()).write(folder)))
            known = any(words in done.stderr for words in seen_into)
            assert done.returncode == 0 or known, f"{seed.format}, {seed.main}: {done.stderr}"


@pytest.mark.parametrize("overlap", ["probability", "keep"])
def test_it_writes_every_format(run: Run, tmp_path: Path, overlap: str) -> None:
    series(tmp_path / "series")
    output = tmp_path / "out"
    wanted = [form for form in EXPORT_FORMATS if form.for_3d and form.keeps_overlap is (overlap == "keep")]
    also = [word for form in wanted for word in ("--also", form.key)]
    options = ("--model", "hippocampus", "--output", str(output), "--threshold", "0.01", "--overlap", overlap, *also)

    done = run("predict", str(tmp_path / "series"), *options)

    assert done.returncode == 0, done.stderr
    for form in wanted:
        assert form.named(output, "series").exists(), form.key


def test_every_library_brings_its_licence() -> None:
    licences = {path.relative_to(BUNDLE / "_internal").parts[0] for path in BUNDLE.rglob("*.dist-info/**/*LICENSE*")}

    for library in ("torch-", "napari-", "numpy-", "monai-", "condseg-"):
        assert any(folder.startswith(library) for folder in licences), f"{library} has no licence in the bundle"
