"""Predicting folders on an engine's workers: the same masks, whatever becomes of a worker."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dask
import nibabel
import numpy as np
import pytest
from distributed import Client, LocalCluster

from condseg_app.cli import main
from condseg_app.errors import EngineLost
from condseg_app.remote.certificate import make_certificate, security, write_certificate
from condseg_app.remote.devices import all_cores
from condseg_app.tasks import cluster as module
from condseg_app.tasks.cluster import Cluster
from condseg_app.tasks.predict_folder import FolderProgress, PredictionPlan, image_files, predict_folder
from condseg_app.tasks.prediction_report import ImageRecord, read_report

COUNT = 5


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Small volumes, the second one cut off."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for n in range(COUNT):
        voxels = np.random.default_rng(n).normal(0, 50, (18, 20, 9)).astype(np.int16)
        nibabel.Nifti1Image(voxels, np.diag([-2.0, -2.0, 3.0, 1.0])).to_filename(folder / f"scan_{n}.nii.gz")
    odd = np.full((18, 20, 9), 5, np.int16)
    nibabel.Nifti1Image(odd, np.diag([-2.0, -2.0, 3.0, 1.0])).to_filename(folder / "scan_2.nii.gz")
    broken = folder / "scan_1.nii.gz"
    broken.write_bytes(broken.read_bytes()[:500])
    return folder


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certificate") / "engine.pem"
    write_certificate(path, make_certificate())
    return path


@pytest.fixture
def workers(certificate: Path) -> Iterator[LocalCluster]:
    """Two processes, which are started again when they die."""
    # As a service's workers: with another number of threads, sums end in other bits.
    everything = dask.config.set({"distributed.nanny.pre-spawn-environ": all_cores()})
    with patch.dict(os.environ), everything:
        cluster = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2,
            threads_per_worker=1,
            protocol="tls",
            host="127.0.0.1",
            security=security(certificate.read_text()),
            dashboard_address=None,
            memory_limit=0,
        )
        yield cluster
        cluster.close()


def records(progress: Iterator[FolderProgress]) -> dict[str, ImageRecord]:
    return {step.record.name: step.record for step in progress if step.record is not None}


def statuses(found: dict[str, ImageRecord]) -> dict[str, str]:
    return {name: record.status for name, record in sorted(found.items())}


EXPECTED = {f"scan_{n}": "failed" if n == 1 else "done" for n in range(COUNT)}


def processes(workers: LocalCluster) -> dict[str, int]:
    """Address -> process."""
    with Client(workers, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        found: dict[str, int] = client.run(os.getpid)
    return found


def same_voxels(a: Path, b: Path) -> bool:
    one, other = (nibabel.Nifti1Image.from_filename(path).get_fdata() for path in (a, b))
    return np.array_equal(one, other)


@pytest.mark.parametrize("shared", [True, False])
def test_workers_give_the_same_masks_by_path_and_by_voxels(
    shared: bool, workers: LocalCluster, certificate: Path, model: Path, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = scans.parent / "here", scans.parent / "there"
    files = image_files([scans], here)
    expected = records(predict_folder(files, PredictionPlan(str(model), here, device="cpu")))
    if not shared:
        elsewhere = lambda sent: (module._SharedFile, ("/nowhere", sent.stamp))  # noqa: E731
        monkeypatch.setattr(module._SharedFile, "__reduce__", elsewhere, raising=False)
    with Cluster(workers.scheduler_address, certificate) as cluster:
        plan = PredictionPlan(str(model), there, device="cpu")
        found = records(predict_folder(files, plan, cluster.segment_all))
    assert statuses(found) == statuses(expected) == EXPECTED
    assert "cut off" in found["scan_1"].error
    assert {found[name].worker for name in found} == set(processes(workers)), "each worker has done its part"
    for name, record in found.items():
        assert record.volumes == expected[name].volumes
        assert record.warnings == expected[name].warnings
        assert len(record.warnings) == (name == "scan_2")
        if record.status == "done":
            assert same_voxels(here / f"{name}_labels.nii.gz", there / f"{name}_labels.nii.gz")


def test_what_a_killed_worker_had_is_predicted_elsewhere(
    workers: LocalCluster, certificate: Path, model: Path, scans: Path, tmp_path: Path
) -> None:
    victim = next(iter(processes(workers).items()))
    plan = PredictionPlan(str(model), tmp_path / "masks", device="cpu")
    with Cluster(workers.scheduler_address, certificate) as cluster:
        progress = predict_folder(image_files([scans], plan.output), plan, cluster.segment_all)
        assert len(next(progress).in_work) == 4, "one in work and one in waiting for each worker, and no more"
        os.kill(victim[1], signal.SIGKILL)
        found = records(progress)
    assert statuses(found) == EXPECTED
    assert victim[0] not in {record.worker for record in found.values()}


def test_an_image_that_loses_two_workers_is_reported(
    workers: LocalCluster, certificate: Path, model: Path, scans: Path, tmp_path: Path
) -> None:
    plan = PredictionPlan(str(model), tmp_path / "masks", device="cpu")
    dead: set[int] = set()
    with Cluster(workers.scheduler_address, certificate) as cluster:
        found = {}
        for step in predict_folder([scans / "scan_0.nii.gz"], plan, cluster.segment_all):
            if step.record is not None:
                found[step.record.name] = step.record
            elif step.in_work and len(dead) < 4:
                for pid in set(processes(workers).values()) - dead:
                    os.kill(pid, signal.SIGKILL)
                    dead.add(pid)
    assert statuses(found) == {"scan_0": "failed"}
    assert "was lost, twice" in found["scan_0"].error


@pytest.fixture
def engine(certificate: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A real `condseg engine`, and its address."""
    command = [sys.executable, "-m", "condseg_app", "engine", "--certificate", str(certificate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def test_an_engine_predicts_a_folder_and_a_second_run_skips_it(
    engine: tuple[str, Any], certificate: Path, model: Path, scans: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = scans.parent / "masks"
    command = ["predict", str(scans), "--model", str(model), "--output", str(output), "--device", "cpu"]
    remote = ["--engine", engine[0], "--certificate", str(certificate)]
    assert main([*command, *remote]) == 2
    assert f"condseg: 1 of {COUNT} images could not be predicted" in capfd.readouterr().err
    assert statuses({record.name: record for record in read_report(output)}) == EXPECTED
    (scans / "scan_1.nii.gz").unlink()
    assert main([*command, *remote]) == 0
    assert main(command) == 0, "what an engine has done counts as done here"
    assert f"{COUNT - 1} of {COUNT - 1} images were finished before" in capfd.readouterr().out


def test_an_engine_that_dies_is_a_sentence_and_what_is_finished_stays(
    engine: tuple[str, Any], certificate: Path, model: Path, scans: Path, tmp_path: Path
) -> None:
    plan = PredictionPlan(str(model), tmp_path / "masks", device="cpu")
    done: list[str] = []

    def kill_it_after_the_first() -> None:
        for step in predict_folder(image_files([scans], plan.output), plan, cluster.segment_all):
            if step.record is not None:
                done.append(step.record.name)
                engine[1].kill()

    with (
        Cluster(engine[0], certificate) as cluster,
        pytest.raises(EngineLost, match="no longer answers; start it and run this again"),
    ):
        kill_it_after_the_first()
    assert [record.name for record in read_report(plan.output)] == done == ["scan_0"]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_an_interrupted_run_keeps_what_workers_have_finished(
    engine: tuple[str, Any], certificate: Path, model: Path, scans: Path
) -> None:
    for n in range(COUNT, 30):
        shutil.copy(scans / "scan_0.nii.gz", scans / f"scan_{n}.nii.gz")
    output = scans.parent / "masks"
    command = ["predict", str(scans), "--model", str(model), "--output", str(output), "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "condseg_app", *command, "--engine", engine[0], "--certificate", str(certificate)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal
    )
    try:
        assert process.stdout is not None
        assert " -> " in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, told
    assert [line for line in told.splitlines() if line and "scan_1" not in line] == ["condseg: interrupted"]
    assert 0 < sum(record.status == "done" for record in read_report(output)) < 29
    assert not list(output.rglob(".condseg-*"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--engine", "tls://127.0.0.1:9", "--certificate", "PEM"], "no engine answers at 127.0.0.1:9"),
        (["--engine", "workstation", "--certificate", "PEM"], "write HOST:PORT"),
        (["--engine", "tls://127.0.0.1:x", "--certificate", "PEM"], "write HOST:PORT"),
        (["--engine", "tls://127.0.0.1:9"], "--engine and --certificate go together"),
        (["--engine", "tls://127.0.0.1:9", "--certificate", "none.pem"], "there is no certificate"),
    ],
)
def test_no_engine_is_one_sentence_at_once(
    options: list[str], sentence: str, certificate: Path, model: Path, scans: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = scans.parent / "masks"
    filled = [str(certificate) if option == "PEM" else option for option in options]
    began = time.monotonic()
    assert main(["predict", str(scans), "--model", str(model), "--output", str(output), *filled]) == 2
    assert time.monotonic() - began < 10
    lines = [line for line in capfd.readouterr().err.splitlines() if line.strip()]
    assert len(lines) == 1
    assert sentence in lines[0]
    assert not output.exists()


def test_a_strange_certificate_is_refused_at_once(engine: tuple[str, Any], tmp_path: Path) -> None:
    write_certificate(tmp_path / "other.pem", make_certificate())
    began = time.monotonic()
    with pytest.raises(EngineLost, match="has another certificate"):
        Cluster(engine[0], tmp_path / "other.pem")
    assert time.monotonic() - began < 5
