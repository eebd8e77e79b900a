"""Ways to train that the command line offers: several processes, another model's trunk, early stopping."""

import csv
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condseg_app.cli import main
from condseg_app.io import read_model


def losses(model: Path) -> list[float]:
    rows = csv.DictReader(model.with_suffix(".csv").read_text().splitlines())
    return [float(row["loss"]) for row in rows]


@pytest.mark.parametrize("network", ["dense-3d", "tal-2.5d"])
def test_two_processes_learn_as_one_does_with_the_doubled_batch(blobs: Path, tmp_path: Path, network: str) -> None:
    """With gloo on the CPU; each process draws its half of the same samples."""
    window = "16,16,8" if network == "dense-3d" else "32,32,1"
    command = [sys.executable, "-m", "condseg_app", "train", str(blobs), "--groups", "single", "--network", network]
    options = ["--steps", "6", "--window", window, "--device", "cpu", "--seed", "3"]
    found: list[tuple[list[float], Mapping[str, Any]]] = []
    for devices, batch in (("1", "4"), ("2", "2")):
        output = tmp_path / f"{devices}.safetensors"
        ways = ["--devices", devices, "--batch", batch, "--output", str(output)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}
        done = subprocess.run(
            [*command, *options, *ways], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        found.append((losses(output), read_model(output).weights))
    (one, weights), (two, same) = found
    assert len(one) == 6
    assert len(set(one)) > 1
    assert one == pytest.approx(two, abs=2e-4)
    for name, tensor in weights.items():
        np.testing.assert_allclose(tensor, same[name], atol=2e-2, err_msg=name)


def test_a_trunk_goes_over_to_other_classes(blobs: Path, model: Path, tmp_path: Path, quick: list[str]) -> None:
    output = tmp_path / "other.safetensors"
    command = ["train", str(blobs), "--classes", "shade", "--rename", "dark=shade", "--output", str(output)]
    assert main([*command, "--init-from", str(model), "--learning-rate", "0", *quick]) == 0
    old, new = read_model(model), read_model(output)
    assert new.classes.names == ("shade",)
    trunk = [name for name in new.weights if not name.endswith("class_rows")]
    assert trunk
    assert all(np.array_equal(new.weights[name], old.weights[name]) for name in trunk)


def test_a_trunk_of_another_shape_is_refused(
    blobs: Path, model: Path, tmp_path: Path, quick: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(blobs), "--network", "dense-3d-half", "--output", str(tmp_path / "x.safetensors")]
    assert main([*command, "--init-from", str(model), *quick]) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert not (tmp_path / "x.safetensors").exists()


def test_a_window_that_leaves_nothing_to_normalise_is_refused(
    blobs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(blobs), "--network", "tal-2.5d", "--window", "16,16,1", "--device", "cpu"]
    assert main([*command, "--output", str(tmp_path / "x.safetensors")]) == 2
    assert "use a window of at least 32" in capfd.readouterr().err


def test_patience_ends_a_training_that_no_longer_gets_better(blobs: Path, tmp_path: Path, quick: list[str]) -> None:
    output = tmp_path / "early.safetensors"
    command = ["train", str(blobs), "--output", str(output), *quick, "--steps", "40", "--learning-rate", "0"]
    assert main([*command, "--validate-every", "2", "--patience", "2"]) == 0
    assert len(losses(output)) < 40
    assert "best" in read_model(output).training


@pytest.mark.parametrize("loss", ["target_adaptive", "marginal_exclusion"])
def test_the_losses_of_softmax_networks_can_be_chosen(blobs: Path, tmp_path: Path, quick: list[str], loss: str) -> None:
    output = tmp_path / "soft.safetensors"
    command = ["train", str(blobs), "--groups", "single", "--network", "tal-2.5d", "--loss", loss]
    assert main([*command, "--output", str(output), *quick, "--window", "32,32,1"]) == 0
    assert np.isfinite(losses(output)).all()


@pytest.mark.parametrize("sampling", ["equal", "sqrt", "per_image"])
def test_data_sets_are_drawn_as_asked(blobs: Path, tmp_path: Path, quick: list[str], sampling: str) -> None:
    output = tmp_path / "drawn.safetensors"
    command = ["train", str(blobs), "--groups", "single", "--sampling", sampling, "--output", str(output)]
    assert main([*command, *quick]) == 0
    assert read_model(output).training["recipe"]["sampling"] == sampling
