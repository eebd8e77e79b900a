"""Classes as files: what comes back, and what bad files get."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from condseg_app.data import ClassEntry, TaughtClass
from condseg_app.errors import ModelError, WriteError
from condseg_app.io.models.class_file import is_class_file, read_class, write_class

ROW = {"up.0.class_rows": np.arange(4, dtype=np.float32), "up.0.outer_class_rows": np.zeros((2, 3), np.float32)}
TAUGHT = TaughtClass(ClassEntry(7, "Läsion", (1, 2, 3), 0.5), ROW, "ab" * 32, "liver model", {"steps": 3}, "CC0-1.0")


def test_what_is_written_comes_back_and_equal_classes_give_equal_bytes(tmp_path: Path) -> None:
    one, other = tmp_path / "a.class.safetensors", tmp_path / "b.class.safetensors"
    write_class(one, TAUGHT)
    found = read_class(one)
    assert (found.entry, found.trunk_sha256, found.model) == (TAUGHT.entry, TAUGHT.trunk_sha256, TAUGHT.model)
    assert (found.training, found.licence) == (TAUGHT.training, TAUGHT.licence)
    assert all(np.array_equal(found.row[key], ROW[key]) and found.row[key].dtype == ROW[key].dtype for key in ROW)
    write_class(other, found)
    assert one.read_bytes() == other.read_bytes()
    assert is_class_file(one)
    assert not is_class_file(tmp_path / "model.safetensors")


def test_bad_files_get_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.class.safetensors"
    with pytest.raises(ModelError, match="no such class file"):
        read_class(path)
    path.write_bytes(b"not at all")
    with pytest.raises(ModelError, match="not a class's file"):
        read_class(path)
    save_file(ROW, path)
    with pytest.raises(ModelError, match="holds no taught class"):
        read_class(path)
    save_file(ROW, path, metadata={"condseg_class": '{"format_version": 2}'})
    with pytest.raises(ModelError, match="damaged description, or is of a newer version"):
        read_class(path)
    uncoded = {
        "format_version": 1,
        "entry": {"value": 1, "name": "a", "color": [1, 2, 3]},
        "trunk_sha256": "",
        "model": "",
    }
    save_file(ROW, path, metadata={"condseg_class": json.dumps({**uncoded, "training": {}, "licence": ""})})
    with pytest.raises(ModelError, match="damaged description"):
        read_class(path)
    write_class(path, TAUGHT)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ModelError, match="damaged"):
        read_class(path)
    with pytest.raises(WriteError):
        write_class(tmp_path / "no folder" / "a.class.safetensors", TAUGHT)
