import importlib.machinery
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from condseg_app.data import ClassTable, Model, Preprocessing
from condseg_app.errors import ModelError
from condseg_app.io import Checkpoint, find_model, models_available, write_checkpoint, write_model
from condseg_app.io.models import zoo

MODEL = Model("a model", "dense_unet", {}, Preprocessing("3D", (8, 8, 8)), ClassTable(), {"w": np.zeros(2, np.float32)})


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A folder of shipped models and one of the user's, and no others."""
    package = tmp_path / "site-packages" / "condseg_models"
    spec = importlib.machinery.ModuleSpec("condseg_models", None, is_package=True)
    spec.submodule_search_locations = [str(package)]
    monkeypatch.setattr(zoo, "find_spec", lambda _: spec)
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(tmp_path / "user"))
    shipped, own = package / "zoo", tmp_path / "user" / "models"
    shipped.mkdir(parents=True)
    own.mkdir(parents=True)
    return shipped, own


def save(folder: Path, name: str) -> Path:
    path = folder / f"{name}.safetensors"
    write_model(path, MODEL)
    return path


def test_shipped_models_come_first_then_the_users(folders: tuple[Path, Path]) -> None:
    own, shipped = save(folders[1], "a"), save(folders[0], "b")
    assert [(m.name, m.path) for m in models_available()] == [("b", shipped), ("a", own)]
    assert models_available()[0].description.weights == {}
    assert (find_model("a"), find_model("b")) == (own, shipped)


def test_a_shipped_model_is_not_hidden_by_one_of_the_same_name(folders: tuple[Path, Path]) -> None:
    save(folders[1], "a")
    shipped = save(folders[0], "a")
    assert [m.path for m in models_available()] == [shipped]
    assert find_model("a") == shipped


def test_a_path_is_itself(tmp_path: Path) -> None:
    path = save(tmp_path, "mine")
    assert find_model(path) == find_model(str(path)) == path
    renamed = path.rename(tmp_path / "mine.model")
    assert find_model(renamed) == renamed


def test_an_unknown_model_is_told_which_there_are(folders: tuple[Path, Path]) -> None:
    with pytest.raises(ModelError, match="there are: none"):
        find_model("liver")
    save(folders[0], "hippocampus")
    save(folders[1], "abdomen")
    with pytest.raises(ModelError, match="no model 'liver' is known; there are: abdomen, hippocampus"):
        find_model("liver")


@pytest.mark.parametrize("name", ["none.safetensors", "folder/none"])
def test_a_path_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        find_model(name)


def test_what_cannot_be_read_is_left_out_and_logged(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    good = save(folders[0], "good")
    (folders[0] / "bad.safetensors").write_bytes(b"\0")
    write_checkpoint(folders[1] / "x.checkpoint.safetensors", Checkpoint({"a": np.zeros(1)}, {}))
    with caplog.at_level(logging.WARNING):
        assert [m.path for m in models_available()] == [good]
    assert [record.getMessage().count("bad.safetensors") for record in caplog.records] == [1]


def test_a_card_lies_beside_its_model(folders: tuple[Path, Path]) -> None:
    path = save(folders[0], "a")
    assert models_available()[0].card is None
    path.with_suffix(".md").write_text("# A model")
    assert models_available()[0].card == path.with_suffix(".md")


def test_a_bundle_has_its_models_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "bundle" / "condseg_models" / "zoo"
    inside.mkdir(parents=True)
    path = save(inside, "packed")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "bundle"), raising=False)
    assert find_model("packed") == path


def test_a_source_checkout_has_its_models_beside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.machinery.ModuleSpec("condseg_models", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / "models" / "condseg_models")]
    monkeypatch.setattr(zoo, "find_spec", lambda _: spec)
    (tmp_path / "models" / "zoo").mkdir(parents=True)
    path = save(tmp_path / "models" / "zoo", "fresh")
    assert find_model("fresh") == path


def test_neither_torch_nor_the_networks_are_imported_for_it() -> None:
    code = (
        "import sys, condseg_app.io as io; io.models_available();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'condseg_models', 'napari', 'PySide6', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
