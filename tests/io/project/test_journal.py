"""The journal: nothing that was written is lost, wherever the file ends."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condseg_app.data import ChunkedAnnotation, ClassTable, Project
from condseg_app.errors import ReadError, WriteError
from condseg_app.io.project.journal import Journal, read_journal
from tests.io.project.conftest import MakeProject, same


def stroke(project: Project, class_at: int, corner: tuple[int, int, int], value: int) -> Project:
    """A project with something else said in a small box of its first image."""
    class_id = project.classes.entries[class_at].id
    image = project.images[0]
    region = tuple(slice(a, min(a + 9, n)) for a, n in zip(corner, image.geometry.shape, strict=True))
    values = np.full([part.stop - part.start for part in region], value, np.uint8)
    old = image.annotations.get(class_id, ChunkedAnnotation.empty(image.geometry.shape))
    edited = old.edited(region, values)  # type: ignore[arg-type]  # three slices
    return replace(project, images=(replace(image, annotations={**image.annotations, class_id: edited}),))


def renamed(project: Project) -> Project:
    first, *others = project.classes
    table = ClassTable((replace(first, name=first.name + "x"), *others))
    return replace(project, classes=table)


def without_annotation(project: Project, class_at: int) -> Project:
    class_id = project.classes.entries[class_at].id
    image = project.images[0]
    kept = {i: a for i, a in image.annotations.items() if i != class_id}
    return replace(project, images=(replace(image, annotations=kept),))


corners = st.tuples(st.integers(0, 69), st.integers(0, 39), st.integers(0, 35))
steps = st.one_of(
    st.tuples(st.just("stroke"), st.integers(0, 1), corners, st.integers(0, 2)),
    st.tuples(st.just("remove"), st.integers(0, 1)),
    st.tuples(st.just("rename")),
    st.tuples(st.just("undo"), st.integers(0, 5)),
    st.tuples(st.just("close")),
    st.tuples(st.just("restart")),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taken=st.lists(steps, max_size=8))
def test_whatever_is_done_is_read_back(
    make_project: MakeProject, tmp_path: Path, taken: list[tuple[object, ...]]
) -> None:
    projects = [make_project()]
    journal = Journal(tmp_path / "work.journal", tmp_path / "week.condseg")
    journal.write(projects[0])
    for kind, *how in taken:
        now = projects[-1]
        match kind:
            case "stroke" if now.images:
                now = stroke(now, *how)  # type: ignore[arg-type]  # as drawn
            case "remove" if now.images:
                now = without_annotation(now, *how)  # type: ignore[arg-type]
            case "rename" if now.images:
                now = renamed(now)
            case "undo":
                now = projects[max(0, len(projects) - 1 - how[0])]  # type: ignore[operator]
            case "close":
                now = replace(now, images=(), in_view=None)
            case "restart":
                journal.restart(now)
        projects.append(now)
        journal.write(now)
    kept = read_journal(journal.path)
    assert kept is not None
    assert not kept.is_cut
    assert kept.folder == tmp_path / "week.condseg"
    assert same(kept.project, projects[-1], with_probabilities=False)


def test_cut_at_every_byte_of_the_last_record_all_before_is_read(make_project: MakeProject, tmp_path: Path) -> None:
    before = make_project((20, 20, 3))
    after = stroke(before, 0, (3, 4, 1), 2)
    journal = Journal(tmp_path / "work.journal")
    journal.write(before)
    whole = journal.size
    journal.write(after)
    data = journal.path.read_bytes()
    assert whole < len(data)
    for end in range(whole, len(data) + 1):
        journal.path.write_bytes(data[:end])
        kept = read_journal(journal.path)
        assert kept is not None
        assert same(kept.project, after if end == len(data) else before, with_probabilities=False)
        assert kept.is_cut == (end not in (whole, len(data)))


def test_a_changed_byte_ends_the_journal_there(make_project: MakeProject, tmp_path: Path) -> None:
    before = make_project((20, 20, 3))
    journal = Journal(tmp_path / "work.journal")
    journal.write(before)
    whole = journal.size
    journal.write(stroke(before, 0, (3, 4, 1), 2))
    data = bytearray(journal.path.read_bytes())
    for at in range(whole, len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x10
        journal.path.write_bytes(changed)
        kept = read_journal(journal.path)
        assert kept is not None
        assert kept.is_cut
        assert same(kept.project, before, with_probabilities=False)


def test_cut_at_every_byte_of_its_beginning_a_journal_is_empty(make_project: MakeProject, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "work.journal")
    journal.write(make_project((4, 4, 1)))
    data = journal.path.read_bytes()
    for end in range(40):
        journal.path.write_bytes(data[:end])
        assert read_journal(journal.path) is None


def test_a_full_disk_is_told_and_made_up_for(
    make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project((20, 20, 3))
    journal = Journal(tmp_path / "work.journal")
    journal.write(project)
    size, flush = journal.size, os.fsync

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    project = stroke(project, 0, (3, 4, 1), 2)
    with pytest.raises(WriteError, match="No space left on device"):
        journal.write(project)
    with pytest.raises(WriteError, match="No space left on device"):
        journal.restart(project)
    assert journal.path.stat().st_size == size
    assert [path.name for path in tmp_path.glob("*.new")] == []
    monkeypatch.setattr(os, "fsync", flush)
    journal.write(stroke(project, 1, (0, 0, 0), 1))
    kept = read_journal(journal.path)
    assert kept is not None
    assert same(kept.project, stroke(project, 1, (0, 0, 0), 1), with_probabilities=False)


def test_a_stroke_costs_its_box_and_not_the_volume(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project((200, 200, 100))
    journal = Journal(tmp_path / "work.journal")
    journal.write(project)
    before = journal.size
    journal.write(stroke(project, 0, (3, 4, 5), 2))
    assert journal.size - before < 20_000
    before = journal.size
    journal.write(stroke(project, 0, (3, 4, 5), 2))
    assert journal.size == before or journal.size - before < 20_000


def test_nothing_new_is_nothing_written(make_project: MakeProject, tmp_path: Path) -> None:
    project, journal = make_project(), Journal(tmp_path / "work.journal")
    journal.write(project)
    size = journal.size
    journal.write(replace(project))
    assert journal.size == size


def test_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "work.journal"
    path.write_bytes(b"CONDSEG JOURNAL 2\n and more")
    with pytest.raises(ReadError, match="update the program"):
        read_journal(path)


@given(data=st.binary(max_size=200))
def test_no_bytes_raise_more_than_a_sentence(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "work.journal"
    path.write_bytes(b"CONDSEG JOURNAL 1\n" + data)
    assert read_journal(path) is None
