import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from condseg_app.data import ClassTable, Geometry, LabelMap, Model, Preprocessing
from condseg_app.errors import ReadError
from condseg_app.io import can_read, describe, write_label_map, write_model

SaveNifti = Callable[..., Path]
TABLE = ClassTable.from_names(["liver", "spleen"])


def test_a_volume(save_nifti: SaveNifti) -> None:
    voxels = np.arange(-10, 50, dtype=np.int16).reshape(5, 6, 2)
    found = describe(save_nifti(voxels, np.diag([-1.5, 2.0, 3.0, 1.0])))
    assert (found.kind, found.format, found.dtype) == ("image", "NIfTI", "int16")
    assert (found.shape, found.spacing, found.unit) == ((5, 6, 2), (1.5, 2.0, 3.0), "mm")
    assert (found.orientation, found.channels, found.warnings) == ("LAS", ("intensity",), ())
    assert found.details == {"lowest": -10, "highest": 49}
    json.dumps(asdict(found))  # the command line prints it


def test_voxels_that_are_not_finite_do_not_count(save_nifti: SaveNifti) -> None:
    voxels = np.full((5, 6, 2), np.nan, np.float32)
    assert describe(save_nifti(voxels)).details == {}
    voxels[0, 0] = (3, np.inf)
    found = describe(save_nifti(voxels))
    assert found.details == {"lowest": 3, "highest": 3}
    assert "not finite" in found.warnings[0]


def test_a_picture(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.zeros((5, 7, 3), np.uint8)).save(tmp_path / "a.jpg")
    found = describe(tmp_path / "a.jpg")
    assert (found.kind, found.format, found.shape, found.unit) == ("image", "JPEG", (7, 5, 1), "pixel")
    assert found.orientation is None


@pytest.mark.parametrize("name", ["a.nii.gz", "a.png"])
def test_a_label_map_with_its_names(tmp_path: Path, name: str) -> None:
    labels = LabelMap(np.ones((4, 3, 1), np.uint8), Geometry.of_picture(4, 3), TABLE)
    write_label_map(tmp_path / name, labels)
    found = describe(tmp_path / name)
    assert found.kind == "label map"
    assert found.details == {"classes": {"liver": 1, "spleen": 2}}


def test_a_model(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    weights = {"w": np.zeros(1, np.float32)}
    write_model(path, Model("m", "dense_unet", {}, Preprocessing("3D", (8, 8, 8)), TABLE, weights, "CC0"))
    found = describe(path)
    assert (found.kind, found.format) == ("model", "safetensors")
    assert found.details["classes"] == {"liver": 1, "spleen": 2}
    assert found.details["licence"] == "CC0"


def test_a_data_set(tmp_path: Path) -> None:
    for sub, mode in (("images", "RGB"), ("masks", "L")):
        (tmp_path / "cat" / sub).mkdir(parents=True)
        PIL.Image.new(mode, (4, 3), "white").save(tmp_path / "cat" / sub / "0.png")
    found = describe(tmp_path)
    assert (found.kind, found.details["cases"], found.details["classes"]) == ("data set", {"all": 1}, {"cat": 1})
    json.dumps(asdict(found))


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no such file"):
        describe(tmp_path / "none.nii.gz")


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("a.nii", True),
        ("a.NII.GZ", True),
        ("a.b.png", True),
        ("a.JPEG", True),
        ("a.gz", False),
        ("a.dcm", True),
        ("a.mnc", False),
        ("nii.gz", False),
        ("a.nii.gz.txt", False),
    ],
)
def test_what_can_be_read_is_told_by_the_name_alone(name: str, readable: bool) -> None:
    assert can_read(Path("nowhere") / name) is readable
