"""Projects of a session: saved, opened again exactly, kept from a crash."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from condseg_app.data import ChunkedAnnotation
from condseg_app.io.image_files import write_image
from condseg_app.session import Session
from condseg_app.session.as_project import says_as
from condseg_app.session.recorder import KeptWork, Recorder, kept_work
from condseg_app.session.requests import MissingFile
from tests.classes import id_of
from tests.session.conftest import Heard, Tools, make_volume

MakeSession = Callable[..., tuple[Session, Heard]]


@pytest.fixture
def make_session(tmp_path: Path) -> Iterator[MakeSession]:
    """A maker of sessions, which tell what they say."""
    made: list[Session] = []

    def make(journals: Path | None = None) -> tuple[Session, Heard]:
        heard, session = Heard(), Session(Tools(), tmp_path / "models", journals)
        session.failed.connect(heard.failures.append)
        session.notice.connect(heard.notices.append)
        made.append(session)
        return session, heard

    yield make
    for session in made:
        session.close()
        session.wait(20)


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    paths = []
    for seed, name in enumerate(("first", "second")):
        path = tmp_path / "scans" / f"{name}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        write_image(path, make_volume(seed, name))
        paths.append(path)
    return paths


def stroke(session: Session, name: str, at: int = 1) -> None:
    """Mark a class on a few voxels of a slice."""
    class_id = id_of(session, name)
    shape = session.state.opened_image().geometry.shape
    before = session.state.annotations.get(class_id, ChunkedAnnotation.empty(shape))
    session.annotations.put(class_id, before.edited((slice(at, at + 2), slice(1, 3), slice(1, 2)), _block(2)))


def _block(value: int) -> np.ndarray:
    return np.full((2, 2, 1), value, np.uint8)


def work(session: Session, scans: list[Path], model: Path) -> None:
    """Two images with annotations and a prediction, display settings, a renamed class."""
    session.models.open(model)
    session.images.open(scans[0])
    assert session.wait(20)
    stroke(session, "spleen")
    session.images.open(scans[1])
    assert session.wait(20)
    session.predictions.start([id_of(session, "liver")])
    assert session.wait(20)
    stroke(session, "liver", 2)
    session.classes.rename(id_of(session, "kidney"), "left kidney")
    session.classes.set_hidden(id_of(session, "spleen"), True)
    session.classes.set_locked(id_of(session, "spleen"), True)
    session.drawing.confine(only_inside=id_of(session, "liver"))
    session.classes.choose(id_of(session, "liver"))


def saved_and_closed(make_session: MakeSession, scans: list[Path], model: Path, project: Path) -> Session:
    """A session that has saved its work as a project and ended."""
    session, _ = make_session()
    work(session, scans, model)
    session.projects.save_as(project)
    assert session.wait(20)
    session.close()
    return session


def test_a_project_is_opened_as_it_was_saved(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path
) -> None:
    session, heard = make_session()
    work(session, scans, model_path)
    assert session.unsaved.marks
    session.projects.save_as(tmp_path / "week.condseg")
    assert session.wait(20)
    assert heard.failures == []
    assert heard.notices[-1] == "week.condseg was saved."
    assert not session.unsaved, "a saved project may be closed"
    assert not session.projects.is_changed
    saved = session.state
    session.close()

    again, heard = make_session()
    again.projects.open(tmp_path / "week.condseg")
    assert again.wait(20)
    assert (heard.failures, heard.notices) == ([], [])
    found = again.state
    assert (found.classes, found.hidden, found.current_class) == (saved.classes, saved.hidden, saved.current_class)
    assert (found.locked, found.only_free, found.only_inside) == (saved.locked, False, id_of(saved, "liver"))
    assert found.locked == {id_of(saved, "spleen")}
    assert found.image is not None
    assert saved.image is not None
    assert (found.image.key, found.model_path) == (saved.image.key, saved.model_path)
    liver = id_of(found, "liver")
    assert found.state_of(liver) == "complete"
    assert np.array_equal(found.levels[liver].whole(), saved.levels[liver].whole())
    for before, after in ((saved.annotations, found.annotations), *_elsewhere(saved, found)):
        assert before.keys() == after.keys()
        assert all(before[i].says_as(after[i]) for i in before)
    assert not again.projects.is_changed
    assert not again.unsaved
    stroke(again, "kidney" if "kidney" in found.classes else "left kidney")
    assert again.projects.is_changed
    again.undo()
    assert not again.projects.is_changed


def _elsewhere(one: object, other: object) -> list[tuple[dict, dict]]:  # type: ignore[type-arg]  # of annotations
    first, second = one.elsewhere, other.elsewhere  # type: ignore[attr-defined]  # of states
    assert first.keys() == second.keys()
    return [(first[key].annotations, second[key].annotations) for key in first]


def test_saving_again_writes_over_the_project(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path
) -> None:
    session, heard = make_session()
    session.projects.save()
    assert "save under a name first" in str(heard.failures.pop())
    work(session, scans, model_path)
    session.projects.save_as(tmp_path / "week.condseg")
    assert session.wait(20)
    stroke(session, "spleen", 3)
    session.projects.save()
    assert session.wait(20)
    assert heard.failures == []
    again, _ = make_session()
    session.close()
    again.projects.open(tmp_path / "week.condseg")
    assert again.wait(20)
    assert says_alike(again, session)


def says_alike(one: Session, other: Session) -> bool:
    """Whether two sessions hold the same annotations of the image in view."""
    mine, others = one.state.annotations, other.state.annotations
    return mine.keys() == others.keys() and all(mine[i].says_as(others[i]) for i in mine)


def test_a_moved_image_is_asked_for(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path
) -> None:
    saved_and_closed(make_session, scans, model_path, tmp_path / "week.condseg")
    moved = tmp_path / "elsewhere.nii.gz"
    shutil.move(scans[0], moved)

    again, heard = make_session()
    asked: list[MissingFile] = []
    again.projects.file_missing.connect(asked.append)
    again.projects.open(tmp_path / "week.condseg")
    assert again.wait(20)
    assert (asked[0].path, asked[0].reason) == (scans[0].resolve(), "is not there any more")
    assert again.state.image is None, "nothing is opened in part"
    again.projects.open(tmp_path / "week.condseg", {**asked[0].moved, asked[0].path: moved})
    assert again.wait(20)
    assert heard.failures == []
    (other,) = again.state.elsewhere.values()
    assert other.image.source == moved
    assert again.projects.is_changed is False


def test_a_changed_image_is_told_and_another_is_asked_for(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path
) -> None:
    saved_and_closed(make_session, scans, model_path, tmp_path / "week.condseg")
    write_image(scans[0], make_volume(7, "first"))
    again, heard = make_session()
    again.projects.open(tmp_path / "week.condseg")
    assert again.wait(20)
    assert heard.notices == ["first.nii.gz was changed since this was saved."]
    again.close()

    write_image(scans[0], make_volume(7, "first", (9, 9, 9)))
    third, heard = make_session()
    asked: list[MissingFile] = []
    third.projects.file_missing.connect(asked.append)
    third.projects.open(tmp_path / "week.condseg")
    assert third.wait(20)
    assert [missing.path for missing in asked] == [scans[0].resolve()]
    assert third.state.project is None


def test_the_second_window_is_read_only_and_told_who_has_the_project(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path
) -> None:
    session, _ = make_session()
    work(session, scans, model_path)
    session.projects.save_as(tmp_path / "week.condseg")
    assert session.wait(20)
    second, heard = make_session()
    second.projects.open(tmp_path / "week.condseg")
    assert second.wait(20)
    assert "is open in another window (" in heard.notices[-1]
    stroke(second, "spleen", 3)
    second.projects.save()
    assert "save the project under another name" in str(heard.failures.pop())
    second.projects.save_as(tmp_path / "week.condseg")
    assert second.wait(20)
    assert "is open in another window (" in str(heard.failures.pop())
    second.projects.save_as(tmp_path / "mine.condseg")
    assert second.wait(20)
    assert heard.failures == []
    session.close()
    third, heard = make_session()
    third.projects.open(tmp_path / "week.condseg")
    assert third.wait(20)
    assert heard.notices == []


def test_a_project_without_its_model_opens_and_says_so(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path
) -> None:
    session = saved_and_closed(make_session, scans, model_path, tmp_path / "week.condseg")
    model_path.unlink()
    again, heard = make_session()
    again.projects.open(tmp_path / "week.condseg")
    assert again.wait(20)
    assert heard.notices == ["The model abdomen.safetensors is not there any more; choose a model again."]
    assert again.state.model is None
    assert says_alike(again, session)


def test_an_annotated_image_without_a_file_is_not_left_out_silently(make_session: MakeSession, tmp_path: Path) -> None:
    session, heard = make_session()
    session.images.show(make_volume())
    session.classes.add("cyst")
    stroke(session, "cyst")
    session.projects.save_as(tmp_path / "week.condseg")
    assert session.wait(20)
    assert "'volume' lies in no file" in str(heard.failures.pop())
    assert not (tmp_path / "week.condseg").exists()


# Work kept from a crash


def left_by_a_crash(journals: Path, tmp_path: Path) -> Path:
    """The journals as a killed window leaves them: without anybody who holds a lock."""
    copied = tmp_path / f"crashed {len(list(tmp_path.iterdir()))}"
    shutil.copytree(journals, copied)
    return copied


def recorder_of(session: Session) -> Recorder:
    recorder = session.projects._recorder
    assert recorder is not None
    return recorder


def test_work_is_kept_from_a_crash_and_restored(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path
) -> None:
    journals = tmp_path / "journals"
    session, _ = make_session(journals)
    work(session, scans, model_path)
    recorder_of(session).look()
    left = left_by_a_crash(journals, tmp_path)

    again, heard = make_session(left)
    found: list[KeptWork] = []
    again.projects.kept_found.connect(found.extend)
    again.projects.find_kept()
    assert again.wait(20)
    assert found[0].image_names == ("first.nii.gz", "second.nii.gz")
    again.projects.restore(found[0])
    assert again.wait(20)
    assert heard.failures == []
    assert heard.notices == ["Your work was restored. Predictions are not kept: ask for them again."]
    assert says_alike(again, session)
    _elsewhere(again.state, session.state)
    assert again.state.classes == session.state.classes
    assert again.unsaved.marks
    assert found[0].path.exists(), "the old journal stays until the new journal has the work"
    recorder_of(again).look()
    assert not found[0].path.exists()
    assert len(list(left.glob("*/work.journal"))) == 1


def test_every_change_is_written_and_an_undone_change_too(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path
) -> None:
    journals = tmp_path / "journals"
    session, _ = make_session(journals)
    work(session, scans, model_path)
    for step in range(4):
        stroke(session, "spleen", step)
        if step == 2:
            session.undo()
        recorder_of(session).look()
        (kept,) = kept_work(left_by_a_crash(journals, tmp_path))
        (image,) = [one for one in kept.kept.project.images if one.file.path == scans[1].resolve()]
        assert image.annotations.keys() == session.state.annotations.keys()
        assert all(a.says_as(image.annotations[i]) for i, a in session.state.annotations.items())
        kept.discard()


def test_a_journal_of_an_open_window_is_left_alone(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path
) -> None:
    session, _ = make_session(tmp_path / "journals")
    work(session, scans, model_path)
    recorder_of(session).look()
    assert list(kept_work(tmp_path / "journals")) == []


def test_saved_or_given_up_work_leaves_no_journal(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path
) -> None:
    journals = tmp_path / "journals"
    session, _ = make_session(journals)
    session.images.open(scans[0])
    assert session.wait(20)
    recorder_of(session).look()
    assert not list(journals.glob("*/*")), "nothing was done yet"
    work(session, scans, model_path)
    recorder_of(session).look()
    assert len(list(journals.glob("*/work.journal"))) == 1
    session.projects.save_as(tmp_path / "week.condseg")
    assert session.wait(20)
    recorder_of(session).look()
    assert not list(journals.iterdir())
    stroke(session, "spleen", 3)
    recorder_of(session).look()
    (path,) = journals.glob("*/work.journal")
    kept = next(kept_work(left_by_a_crash(journals, tmp_path)))
    assert kept.kept.folder == tmp_path / "week.condseg"
    session.close()
    assert not path.exists()


def test_a_full_disk_is_told_once_and_all_is_made_up_for(
    make_session: MakeSession, scans: list[Path], model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journals = tmp_path / "journals"
    session, heard = make_session(journals)
    work(session, scans, model_path)
    recorder_of(session).look()
    flush = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for at in (0, 3):
        stroke(session, "spleen", at)
        recorder_of(session).look()
    assert session.wait(1)
    session.take_in(0.1)
    assert ["unsaved work cannot be kept" in str(error) for error in heard.failures] == [True]
    monkeypatch.setattr(os, "fsync", flush)
    recorder_of(session).look()
    kept = next(kept_work(left_by_a_crash(journals, tmp_path)))
    spleen = id_of(session, "spleen")
    assert session.state.annotations[spleen].says_as(kept.kept.project.images[-1].annotations[spleen])


def test_a_damaged_journal_stays_for_somebody_who_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "journals" / "x" / "work.journal"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"CONDSEG JOURNAL 9\n")
    assert list(kept_work(tmp_path / "journals")) == []
    assert path.exists()


def test_what_is_on_screen_alone_is_no_change(make_session: MakeSession, scans: list[Path], model_path: Path) -> None:
    session, _ = make_session()
    work(session, scans, model_path)
    before = session.state
    session.images.open(scans[0])
    assert session.wait(20)
    assert says_as(session.state, before)
    assert not says_as(replace(session.state, hidden=frozenset({id_of(session, "liver")})), before)
    assert not says_as(replace(session.state, locked=frozenset()), before)
    assert not says_as(replace(session.state, only_free=True), before)
