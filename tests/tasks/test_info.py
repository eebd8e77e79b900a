"""`condseg info`, for people and for programs."""

import json
from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
import pytest

from condseg_app.cli import main
from condseg_app.data import ClassTable, Geometry, LabelMap
from condseg_app.io import write_label_map

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    voxels = np.random.default_rng(0).integers(-75, 155, (12, 10, 8)).astype(np.int16)
    voxels[0, 0, :2] = -75, 154
    nibabel.Nifti1Image(voxels, np.diag([-0.8, -0.8, 2.5, 1.0])).to_filename(tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


def labelled() -> np.ndarray:
    values = np.zeros((12, 10, 8), np.uint8)
    values[2:6, 2:6], values[6:9, 2:6] = 1, 4
    return values


def shown(capsys: Capture) -> dict[str, str]:
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line[:1].strip()]
    return {key: text for key, text in lines}  # noqa: C416 - lists of two


def test_an_image_is_described_in_words(scan: Path, capsys: Capture) -> None:
    assert main(["info", str(scan)]) == 0
    assert shown(capsys) == {
        "path": str(scan),
        "kind": "image",
        "format": "NIfTI",
        "shape": "12 x 10 x 8",
        "spacing": "0.8 x 0.8 x 2.5 mm",
        "orientation": "LPS",
        "type": "int16",
        "intensity": "-75 to 154",
    }


def test_nothing_is_shown_as_python_has_it(scan: Path, blobs: Path, model: Path, capsys: Capture) -> None:
    PIL.Image.new("RGB", (5, 4)).save(scan.parent / "a.png")
    assert main(["info", *map(str, (scan, blobs, model, scan.parent / "a.png"))]) == 0
    text = capsys.readouterr().out
    assert not set("(){}'") & set(text)
    assert "cases               train 3, val 1" in text
    assert "bright 1, dark 2" in text
    assert "channels            red, green, blue" in text
    assert "spacing             not known" in text


def test_a_label_map_without_names_is_one_by_its_values(scan: Path, capsys: Capture) -> None:
    path = scan.with_name("labels.nii.gz")
    nibabel.Nifti1Image(labelled(), np.eye(4)).to_filename(path)
    assert main(["info", str(path)]) == 0
    found = shown(capsys)
    assert (found["kind"], found["values"]) == ("label map", "1, 4")


@pytest.mark.parametrize("name", ["a.nii.gz", "a.seg.nrrd"])
def test_the_classes_of_a_label_map_are_listed(name: str, tmp_path: Path, capsys: Capture) -> None:
    table = ClassTable.from_names(["head, body", "Tumor [/T1c]"])
    grid = Geometry.with_spacing((12, 10, 8), (1, 1, 1))
    write_label_map(tmp_path / name, LabelMap((labelled() > 0).astype(np.uint8), grid, table))
    assert main(["info", str(tmp_path / name)]) == 0
    text = capsys.readouterr().out
    assert "label map" in text
    assert "head, body" in text
    assert "Tumor [/T1c]" in text


def test_several_paths_are_described_and_one_that_fails_stops_no_other(scan: Path, capsys: Capture) -> None:
    assert main(["info", "nowhere.nii", str(scan)]) == 2
    captured = capsys.readouterr()
    assert captured.out.startswith(f"path                {scan}")
    assert captured.err.splitlines()[0].startswith("condseg: nowhere.nii: there is no such file")
    assert captured.err.splitlines()[1] == "condseg: 1 of 2 could not be read; see above"
    assert main(["info", "--json", "nowhere.nii", str(scan)]) == 2
    first, second = json.loads(capsys.readouterr().out)
    assert first["error"].startswith("there is no such file")
    assert second["shape"] == [12, 10, 8]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<!DOCTYPE html><html><body>Please log in</body></html>", "is a web page, not the file itself"),
        (b"\xef\xbb\xbf\n <HTML lang='en'>", "is a web page, not the file itself"),
        (b'<?xml version="1.0"?><html xmlns="">', "is a web page, not the file itself"),
        (b"version https://git-lfs.github.com/spec/v1", "git-LFS pointer"),
    ],
)
def test_what_a_file_really_is_is_said(content: bytes, sentence: str, tmp_path: Path, capsys: Capture) -> None:
    for name in ("a.nii.gz", "a.dcm", "a.png"):
        (tmp_path / name).write_bytes(content + b" " * 600)
        assert main(["info", str(tmp_path / name)]) == 2
        assert sentence in capsys.readouterr().err


def test_cifti_is_named(tmp_path: Path, capsys: Capture) -> None:
    image = nibabel.Nifti2Image(np.zeros((1, 1, 1, 1, 3, 8), np.float32), np.eye(4))
    image.header["intent_code"] = 3002
    image.to_filename(tmp_path / "rest.dtseries.nii")
    assert main(["info", str(tmp_path / "rest.dtseries.nii")]) == 2
    assert "is CIFTI-2, values on a brain's surface" in capsys.readouterr().err
