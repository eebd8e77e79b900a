"""Classes of the model as files: out, in, and away."""

from pathlib import Path
from typing import Any

import numpy as np

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, ClassTable
from condseg_app.errors import ClassTableError, CondsegError, ModelError, WriteError
from condseg_app.io.models.class_file import read_class
from tests.classes import id_of


def rows(path: Path) -> Any:
    return io.read_model(path).weights["class_rows"]


def test_a_class_is_written_as_the_person_calls_it(desk: Any, tmp_path: Path) -> None:
    desk.session.classes.rename(id_of(desk.session, "spleen"), "Milz")
    desk.session.classes.recolor(id_of(desk.session, "Milz"), (1, 2, 3))
    desk.session.models.export_class(id_of(desk.session, "Milz"), tmp_path / "mine")
    desk.finish()
    taught = read_class(tmp_path / "mine.class.safetensors")
    assert (taught.entry.name, taught.entry.color) == ("Milz", (1, 2, 3))
    np.testing.assert_array_equal(taught.row["class_rows"], [2, 3])
    assert desk.heard.notices == ["The class Milz was written to mine.class.safetensors."]


def test_a_class_is_removed_and_brought_back_by_its_file(desk: Any, model_path: Path, tmp_path: Path) -> None:
    before, file = model_path.read_bytes(), tmp_path / "spleen.class.safetensors"
    desk.session.models.export_class(id_of(desk.session, "spleen"), file)
    desk.finish()
    desk.session.classes.set_threshold(id_of(desk.session, "kidney"), 0.3)
    desk.session.models.remove_class(id_of(desk.session, "spleen"))
    desk.finish()
    assert desk.session.state.model_path == desk.models / "abdomen-spleen.safetensors"
    assert desk.session.state.classes.names == ("liver", "kidney")
    assert desk.session.state.threshold(id_of(desk.session, "kidney")) == 0.3
    np.testing.assert_array_equal(rows(desk.session.state.model_path), [[0, 1], [4, 5]])
    assert desk.session.state.model.parent == io.file_hash(model_path)
    desk.session.models.import_class(file)
    desk.finish()
    assert desk.heard.failures == []
    assert desk.session.state.model_path == desk.models / "abdomen-spleen+spleen.safetensors"
    np.testing.assert_array_equal(rows(desk.session.state.model_path), [[0, 1], [4, 5], [2, 3]])
    assert "stays as it is" in desk.heard.notices[-1]
    desk.session.models.open(model_path)
    assert desk.session.state.classes.names == ("liver", "spleen", "kidney")
    assert model_path.read_bytes() == before


def test_what_is_marked_of_a_removed_class_stays(desk: Any) -> None:
    mask = np.zeros(desk.session.state.image.geometry.shape, bool)
    mask[1:3, 1:3, 1] = True
    desk.session.annotations.put(id_of(desk.session, "spleen"), ChunkedAnnotation.of(mask, mask))
    desk.session.models.remove_class(id_of(desk.session, "spleen"))
    desk.finish()
    assert not desk.session.state.can_predict(id_of(desk.session, "spleen"))
    assert desk.session.state.annotations[id_of(desk.session, "spleen")].state == "present"


def test_what_is_opened_meanwhile_stays_open(desk: Any, model_path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(model_path.read_bytes())
    desk.session.models.remove_class(id_of(desk.session, "spleen"))
    desk.session.models.open(other)
    desk.finish()
    assert desk.session.state.model_path == other
    assert desk.heard.notices == ["The new model abdomen-spleen is among your models."]


def test_errors_are_sentences_and_leave_nothing_behind(desk: Any, tmp_path: Path) -> None:
    session, heard = desk.session, desk.heard
    session.models.export_class(id_of(session, "liver"), tmp_path / "liver.class.safetensors")
    session.models.export_class(id_of(session, "liver"), tmp_path / "nowhere" / "liver.class.safetensors")
    desk.finish()
    session.models.import_class(tmp_path / "liver.class.safetensors")
    session.models.import_class(tmp_path / "missing.class.safetensors")
    desk.finish()
    session.classes.add("tumour")
    session.models.export_class(id_of(session, "tumour"), tmp_path / "x")
    session.models.remove_class(id_of(session, "tumour"))
    session.models.remove_class(id_of(session, "nose"))
    assert sorted(type(f).__name__ for f in heard.failures) == sorted(
        e.__name__ for e in (WriteError, ClassTableError, ModelError, CondsegError, CondsegError, ClassTableError)
    )
    assert all("\n" not in str(f) for f in heard.failures)
    assert not desk.models.exists()


def test_the_last_class_cannot_be_removed(desk: Any, tmp_path: Path) -> None:
    model = io.read_model(desk.session.state.model_path)
    alone = tmp_path / "alone.safetensors"
    weights = {"class_rows": model.weights["class_rows"][:1]}
    io.write_model(
        alone, type(model)(**{**vars(model), "classes": ClassTable.from_names(["liver"]), "weights": weights})
    )
    desk.session.models.open(alone)
    desk.session.models.remove_class(id_of(desk.session, "liver"))
    desk.finish()
    assert "only class" in str(desk.heard.failures[-1])


def test_without_a_model_there_is_nothing_to_put_a_class_into(empty: Any, tmp_path: Path) -> None:
    empty.session.models.import_class(tmp_path / "a.class.safetensors")
    assert [type(f) for f in empty.heard.failures] == [CondsegError]
