"""Projects on disk: exact, kept whole by any fault, and told from foreign changes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condseg_app.data import Project
from condseg_app.errors import ReadError, WriteError
from condseg_app.io.project.folder import MANIFEST, is_project, read_project, write_project
from condseg_app.io.project.lock import Lock
from condseg_app.io.project.references import why_not_same
from tests.io.project.conftest import MakeProject, same


@pytest.mark.parametrize("shape", [(70, 40, 36), (1, 1, 1), (300, 200, 1), (64, 64, 64), (257, 3, 9)])
def test_a_project_is_read_as_written(make_project: MakeProject, tmp_path: Path, shape: tuple[int, int, int]) -> None:
    project, folder = make_project(shape), tmp_path / "week.condseg"
    written = write_project(folder, project)
    found, revision = read_project(folder)
    assert same(found, project)
    assert revision == written


def test_an_empty_project_is_read_as_written(tmp_path: Path) -> None:
    write_project(tmp_path / "empty.condseg", Project())
    assert same(read_project(tmp_path / "empty.condseg")[0], Project())


def test_only_changed_arrays_are_written_again(make_project: MakeProject, tmp_path: Path) -> None:
    project, folder = make_project(), tmp_path / "week.condseg"
    seen = write_project(folder, project)
    before = {path.name: path.stat().st_ctime_ns for path in (folder / "arrays").iterdir()}
    liver = next(iter(project.classes))
    image = project.images[0]
    edited = image.annotations[liver.id].edited((slice(0, 5),) * 3, np.full((5, 5, 5), 2, np.uint8))
    changed = replace(project, images=(replace(image, annotations={**image.annotations, liver.id: edited}),))
    write_project(folder, changed, seen)
    after = {path.name: path.stat().st_ctime_ns for path in (folder / "arrays").iterdir()}
    assert len(after) == len(before) == 3  # the array that nobody names any more is gone
    assert len(after.items() & before.items()) == 2
    assert same(read_project(folder)[0], changed)


def test_files_are_found_where_the_folder_was_moved_to(make_project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    project = make_project()
    shutil.move(tmp_path / "scan.nii.gz", tmp_path / "old")
    moved = replace(project.images[0].file, path=(tmp_path / "old" / "scan.nii.gz").resolve())
    write_project(tmp_path / "old" / "week.condseg", replace(project, images=(replace(project.images[0], file=moved),)))
    (tmp_path / "old").rename(tmp_path / "new")
    found, _ = read_project(tmp_path / "new" / "week.condseg")
    assert found.images[0].file.path == (tmp_path / "new" / "scan.nii.gz").resolve()
    assert why_not_same(found.images[0].file) is None


def test_a_changed_file_is_told(make_project: MakeProject, tmp_path: Path) -> None:
    file = make_project().images[0].file
    file.path.write_bytes(b"others")
    assert why_not_same(file) == "was changed since"
    file.path.unlink()
    assert why_not_same(file) == "is not there any more"


def test_a_change_by_another_program_is_noticed(make_project: MakeProject, tmp_path: Path) -> None:
    project, folder = make_project(), tmp_path / "week.condseg"
    seen = write_project(folder, project)
    write_project(folder, replace(project, in_view=None), seen)
    with pytest.raises(WriteError, match="changed by another program since; save the project under another name"):
        write_project(folder, project, seen)
    assert read_project(folder)[0].in_view is None


@pytest.mark.parametrize("name", ["week", "week.txt"])
def test_a_project_has_its_ending(make_project: MakeProject, tmp_path: Path, name: str) -> None:
    with pytest.raises(WriteError, match=r"ends in \.condseg"):
        write_project(tmp_path / name, make_project())
    assert not (tmp_path / name).exists()


def test_a_folder_of_other_files_is_left_alone(make_project: MakeProject, tmp_path: Path) -> None:
    folder = tmp_path / "other.condseg"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(WriteError, match="folder of other files"):
        write_project(folder, make_project())
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def change_version(manifest: dict[str, Any]) -> None:
    manifest["version"] = 99


def lose_a_class(manifest: dict[str, Any]) -> None:
    del manifest["classes"][0]


def claim_an_id_twice(manifest: dict[str, Any]) -> None:
    manifest["classes"][1]["id"] = manifest["classes"][0]["id"]


def flatten(manifest: dict[str, Any]) -> None:
    manifest["images"][0]["grid"]["affine"] = [[0.0] * 4] * 4


def be_in_view_elsewhere(manifest: dict[str, Any]) -> None:
    manifest["in_view"] = 7


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (change_version, "is of project format 99, this program reads up to 1; update the program"),
        (lose_a_class, "is damaged (the class table lacks the class of id"),
        (claim_an_id_twice, "is damaged"),
        (flatten, "the affine is singular"),
        (be_in_view_elsewhere, "image 7 of 1 is in view"),
        (lambda manifest: manifest.pop("display"), "is wrong at 'display'"),
        (lambda manifest: manifest.pop("schema"), "is not the manifest of a project"),
    ],
)
def test_a_damaged_manifest_is_refused_in_a_sentence(
    make_project: MakeProject, tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    folder = tmp_path / "week.condseg"
    write_project(folder, make_project())
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ReadError) as caught:
        read_project(folder)
    assert words in str(caught.value)


def test_a_project_from_before_locks_is_read(make_project: MakeProject, tmp_path: Path) -> None:
    project, folder = make_project(), tmp_path / "week.condseg"
    write_project(folder, project)
    manifest = json.loads((folder / MANIFEST).read_text())
    for later in ("locked", "only_free", "only_inside"):
        del manifest["display"][later]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    display = replace(project.display, locked=frozenset(), only_free=False, only_inside=None)
    assert same(read_project(folder)[0], replace(project, display=display))


def test_a_damaged_or_missing_array_is_noticed(make_project: MakeProject, tmp_path: Path) -> None:
    folder = tmp_path / "week.condseg"
    write_project(folder, make_project())
    for array in list((folder / "arrays").iterdir()):
        chunk = next(path for path in array.rglob("*") if path.is_file() and path.name != "zarr.json")
        kept = chunk.read_bytes()
        chunk.unlink()  # zarr reads a missing chunk as zeros
        with pytest.raises(ReadError, match="was changed or damaged; restore it from a backup"):
            read_project(folder)
        chunk.write_bytes(kept)
    shutil.rmtree(next((folder / "arrays").iterdir()))
    with pytest.raises(ReadError, match="lacks an array that the project names"):
        read_project(folder)


def test_a_failed_write_leaves_the_earlier_project(
    make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, folder = make_project(), tmp_path / "week.condseg"
    seen = write_project(folder, project)
    flush, calls = os.fsync, iter(range(1000))
    for failing in range(6):
        calls = iter(range(1000))

        def full(descriptor: int) -> None:
            if next(calls) == failing:  # noqa: B023  # called in this round
                raise OSError(28, "No space left on device")
            flush(descriptor)

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(WriteError, match="No space left on device"):
            write_project(folder, make_project(seed=failing + 1), seen)
        monkeypatch.setattr(os, "fsync", flush)
        assert same(read_project(folder)[0], project)


def test_is_project() -> None:
    assert is_project(Path("a/week.condseg"))
    assert is_project(Path("a/week.condseg") / MANIFEST)
    assert not is_project(Path("a/project.json"))


HOLD = """
import sys, time
from pathlib import Path
from condseg_app.io.project.lock import Lock
lock = Lock(Path(sys.argv[1]))
print(lock.take(), flush=True)
time.sleep(600)
"""


def test_a_second_window_is_told_who_has_the_project_until_that_ends(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        lock = Lock(tmp_path)
        assert not lock.take()
        assert ", since " in lock.owner()
    finally:
        other.kill()  # as a crash would end the window
        other.wait()
    assert lock.take()
    lock.release()
    second = Lock(tmp_path)
    assert second.take()
