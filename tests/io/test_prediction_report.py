"""The report of a folder of predictions: what it counts, and what it takes for the same image."""

import os
from pathlib import Path

import numpy as np
import pytest

from condseg_app.data import Geometry, Pick, PostProcessing, PredictionOptions
from condseg_app.errors import ReadError
from condseg_app.tasks.prediction_report import (
    ClassVolume,
    ImageRecord,
    Method,
    Stamp,
    read_report,
    stamp_of,
    write_report,
)

METHOD = Method(
    model="organs",
    model_sha256="ab" * 32,
    options=PredictionOptions(
        ("liver", "Größe, links"),
        PostProcessing(0.4, {"liver": 1}, {"liver": 0.05}, True, "priority", ("liver",)),
        masks=True,
        pick=Pick(frame=2),
    ),
)


def record(name: str, *volumes: ClassVolume) -> ImageRecord:
    return ImageRecord(
        name=name,
        image=f"/scans/{name}.nii",
        stamp=Stamp(size=1, modified_ns=2),
        method=METHOD,
        status="done",
        volumes=volumes,
        files=(f"{name}_labels.nii.gz",),
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    volume = ClassVolume(name="Größe, links", voxels=3, volume=0.1 + 0.2, unit="ml")
    records = (
        record("a", volume),
        record("b").model_copy(update={"status": "failed", "stamp": None, "error": 'a "b"'}),
    )
    assert read_report(tmp_path) == ()
    write_report(tmp_path, records)
    assert read_report(tmp_path) == records


@pytest.mark.parametrize(
    ("geometry", "unit", "volume"),
    [
        (Geometry.with_spacing((4, 4, 4), (2.0, 2.0, 3.0)), "ml", 0.12),
        (Geometry.with_spacing((4, 4, 4), (100.0, 100.0, 100.0), "µm"), "mm³", 0.01),
        (Geometry.of_picture(9, 9), "pixels", 10.0),
        (Geometry((4, 4, 4), np.diag([-1.0, 2.0, -1.0, 1.0])), "ml", 0.02),
    ],
)
def test_volumes_are_in_the_units_of_the_image(geometry: Geometry, unit: str, volume: float) -> None:
    found = ClassVolume.of("liver", 10, geometry)
    assert found.unit == unit
    assert found.volume == pytest.approx(volume)


def test_a_table_has_columns_for_the_classes_of_all_images(tmp_path: Path) -> None:
    volume = ClassVolume(name="liver", voxels=1500, volume=1.5, unit="ml")
    picture = ClassVolume(name="car", voxels=7, volume=7, unit="pixels")
    write_report(tmp_path, (record("a", volume), record("b", picture)))
    head, first, second = (line.split(",") for line in (tmp_path / "report.csv").read_text("utf-8").splitlines())
    assert head[-4:] == ["files", "liver (ml)", "liver (voxels)", "car (pixels)"]
    assert first[-3:] == ["1.5", "1500", ""]
    assert second[-3:] == ["", "", "7"]


def test_a_stamp_tells_a_change_of_size_time_or_other_half(tmp_path: Path) -> None:
    header, voxels = tmp_path / "scan.hdr", tmp_path / "scan.img"
    header.write_bytes(b"12345")
    voxels.write_bytes(b"123")
    stamp = stamp_of(header)
    assert stamp == stamp_of(voxels) == stamp_of(header)
    voxels.write_bytes(b"1234")
    assert stamp_of(header) != stamp
    stamp = stamp_of(header)
    os.utime(voxels, ns=(0, stamp.modified_ns + 1))
    assert stamp_of(header) != stamp
    with pytest.raises(ReadError):
        stamp_of(tmp_path / "none.nii")


def test_a_folders_stamp_tells_a_change_of_any_file_in_it(tmp_path: Path) -> None:
    chunk = tmp_path / "scan.zarr/0/c/7"
    chunk.parent.mkdir(parents=True)
    chunk.write_bytes(b"123")
    stamp = stamp_of(tmp_path / "scan.zarr")
    assert stamp_of(tmp_path / "scan.zarr") == stamp
    chunk.write_bytes(b"1234")
    assert stamp_of(tmp_path / "scan.zarr") != stamp


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "condseg-predictions", "version": 2}', "\0"])
def test_another_report_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(ReadError, match="is no report of predictions"):
        read_report(tmp_path)
