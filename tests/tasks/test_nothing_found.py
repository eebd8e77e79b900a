"""An image on which nothing is found is predicted all the same, in formats that cannot say so as well."""

from pathlib import Path

import numpy as np
import pytest

from condseg_app.data import ClassTable, Geometry, Image, LabelMap, PredictionOptions
from condseg_app.errors import NothingToWrite
from condseg_app.io import export_format
from condseg_app.tasks import predict_image as prediction
from condseg_app.tasks.predict_image import Segmentation, write_segmentation
from condseg_app.tasks.prediction_report import Method

TABLE = ClassTable.from_names(["liver"])


def test_a_format_that_cannot_be_empty_is_left_out_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object) -> None:
        raise NothingToWrite("no voxel is marked")

    grid = Geometry.with_spacing((6, 5, 4), (1, 1, 1))
    labels = LabelMap(np.zeros(grid.shape, np.uint8), grid, TABLE)
    monkeypatch.setattr(prediction, "write_export", write)
    monkeypatch.setattr(prediction, "read_image", lambda *_: Image(np.zeros((1, *grid.shape)), grid))
    found = Segmentation(grid, labels, {}, {"liver": 0}, "cpu", 1.0, 1)
    method = Method(model="m", model_sha256="ab", options=PredictionOptions(("liver",), also=("dicom-seg",)))
    files, notes = write_segmentation(tmp_path / "scan.dcm", found, TABLE, method, tmp_path / "scan")
    assert [file.name for file in files] == ["scan_labels.nii.gz", "scan_labels.json", "scan_labels.label.txt"]
    assert notes == (f"nothing was found on it, so there is no {export_format('dicom-seg').title}",)
