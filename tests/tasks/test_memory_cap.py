"""An image far larger than the memory that is allowed, from file to label map, to the bit as without a limit."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from condseg_app.cli import main
from condseg_app.data import Geometry, Image, PostProcessing, PredictionOptions
from condseg_app.engine.predict import memory_plan
from condseg_app.engine.predict.memory_plan import MemoryPlan
from condseg_app.errors import OutOfMemory
from condseg_app.io import find_model, read_image, read_label_map, read_model
from condseg_app.io.image_files import write_image
from condseg_app.tasks import predict_image as prediction
from condseg_app.tasks.cluster import _segment_there
from condseg_app.tasks.predict_image import Request, segment
from condseg_app.tasks.prediction_report import read_report

ROOM = 173 << 20
SHAPE = (450, 450, 450)  # of float64: 0.73 GB, four times the room
SPACING = (0.45, 0.45, 1.2)  # mm, so fine that the network has little to do

# The limit comes when a small image has loaded all.
RUN = """
import resource, sys
import psutil
import torch
from condseg_app.engine.predict import whole as predict
import condseg_app.tasks.predict_folder, zarr
from condseg_app.cli import main
limit, taken, small, *command = sys.argv[1:]
main(["predict", small, *command[2:-1], command[-1] + "_small"])
if limit != "none":
    used = getattr(psutil.Process().memory_info(), taken)
    resource.setrlimit(getattr(resource, limit), (used + {room},) * 2)
sys.exit(main(command))
"""


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uncompressed volume, most of it a hole in the file, with a box of soft tissue in air."""
    path = tmp_path_factory.mktemp("large") / "scan.nii"
    header = nibabel.Nifti1Header()
    header.set_data_shape(SHAPE)
    header.set_data_dtype(np.float64)
    header.set_zooms(SPACING)
    header.set_sform(np.diag([*SPACING, 1.0]), code="aligned")
    header["vox_offset"] = 352
    with path.open("wb") as file:
        header.write_to(file)
        file.truncate(352 + 8 * int(np.prod(SHAPE)))
    voxels = np.memmap(path, np.float64, "r+", 352, SHAPE, order="F")
    voxels[90:337, 112:337, 135:270] = 110.0
    voxels.flush()
    return path


@pytest.fixture(scope="module")
def expected(volume: Path) -> Path:
    """The folder that a run without a limit leaves."""
    output = volume.parent / "expected"
    assert predict(volume, output, "none", "none") == ""
    return output


def predict(path: Path, output: Path, limit: str, taken: str) -> str:
    """`condseg predict` under a limit; returns what it complains of."""
    small = output.with_suffix(".nii")
    voxels = np.arange(8000, dtype=np.int16).reshape(20, 20, 20)
    nibabel.Nifti1Image(voxels, np.diag([4.0, 4.0, 4.0, 1.0])).to_filename(small)
    command = ["predict", str(path), "--model", "phantom_ct", "--classes", "liver", "--device", "cpu"]
    child = subprocess.run(
        [sys.executable, "-c", RUN.format(room=ROOM), limit, taken, str(small), *command, "--output", str(output)],
        capture_output=True,
        text=True,
        check=False,
        # Each thread's own heap would reserve 64 MiB of addresses.
        env={**os.environ, "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"},
    )
    return child.stderr.strip()


@pytest.mark.timeout(1200)  # half a minute a run where nothing else goes on
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limits")
@pytest.mark.parametrize(
    ("ending", "limit", "taken"),
    [
        (".nii", "RLIMIT_AS", "vms"),
        (".ome.zarr", "RLIMIT_DATA", "data"),  # zarr's threads reserve more addresses than that
    ],
)
def test_a_volume_of_four_times_the_memory(
    ending: str, limit: str, taken: str, volume: Path, expected: Path, tmp_path: Path
) -> None:
    path = volume.with_name(f"scan{ending}")
    if ending == ".ome.zarr":
        write_image(path, read_image(volume))
    assert predict(path, tmp_path, limit, taken) == ""
    (record,), (unlimited,) = read_report(tmp_path), read_report(expected)
    assert record.planned_mb * 1e6 < ROOM < unlimited.planned_mb * 1e6
    assert record.volumes == unlimited.volumes
    assert record.volumes[0].voxels > 1000
    found, wanted = (
        read_label_map(folder / "scan_labels.nii.gz", read_image(volume)) for folder in (tmp_path, expected)
    )
    assert np.array_equal(found.values, wanted.values)


@pytest.fixture
def image() -> Image:
    """One of 216 MB in the cheapest form."""
    shape = (600, 600, 600)
    return Image(np.broadcast_to(np.int16(0), (1, *shape)), Geometry.with_spacing(shape, SPACING), "large")


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction, "free_memory", lambda: 400 * 10**6)


def asked(**more: object) -> Request:
    model = read_model(find_model("phantom_ct"))
    return Request(model, PredictionOptions(**more), "cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "request_",
    [
        asked(post_processing=PostProcessing(largest={"liver": 1})),
        asked(post_processing=PostProcessing(overlap="keep")),
        asked(masks=True),
    ],
    ids=["components", "overlaps", "masks"],
)
def test_what_needs_all_of_a_large_image_is_refused(little: None, image: Image, request_: Request) -> None:
    with pytest.raises(OutOfMemory, match=r"^it is too large to be looked at as a whole; leave out --masks, "):
        next(segment(image, request_))


def test_a_worker_refuses_what_it_could_not_send(little: None, image: Image) -> None:
    reply = _segment_there(image, asked())
    assert isinstance(reply.error, OutOfMemory)
    assert "predict it without --engine" in str(reply.error)


def test_the_command_says_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, model: Path, blobs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = memory_plan.plan_memory

    def in_parts(*given: Any, **more: Any) -> MemoryPlan:
        found = plan(*given, **more)
        return replace(found, parts=tuple(memory_plan.cut(found.parts[0], (2, 1, 1))))

    monkeypatch.setattr(memory_plan, "plan_memory", in_parts)
    file = blobs / "imagesTr" / "case_0.nii.gz"
    command = ["predict", str(file), "--model", str(model), "--output", str(tmp_path), "--device", "cpu"]
    assert main([*command, "--keep-largest", "dark=1"]) == 2
    assert capfd.readouterr().err.startswith(f"{file}: it is too large to be looked at as a whole; leave out --masks")
    assert main(command) == 0
    assert (tmp_path / "case_0_labels.nii.gz").exists()
