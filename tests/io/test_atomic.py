import os
import stat
from pathlib import Path

import pytest

from condseg_app.errors import WriteError
from condseg_app.io.atomic import atomic_files, atomic_write


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_when_the_block_is_done(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    with atomic_write(path) as temporary:
        temporary.write_bytes(b"voxels")
        assert not path.exists()
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".nii.gz")
    assert path.read_bytes() == b"voxels"
    assert names(tmp_path) == ["scan.nii.gz"]


def _write_half(path: Path, error: BaseException) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("half of")
        raise error


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()])
def test_a_failing_block_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "table.json"
    path.write_text("old")
    with pytest.raises(type(error)):
        _write_half(path, error)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_refuses_leaves_what_was_there(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "table.json"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", refuse) if step == "fsync" else monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(WriteError, match="No space left on device") as caught, atomic_write(path) as temporary:
        temporary.write_text("new")
    assert caught.value.path == path
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table.json"]


def test_data_are_flushed_before_the_name_changes_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def record_fsync(descriptor: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def record_replace(self: Path, target: Path) -> Path:
        events.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_replace)
    with atomic_write(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert events == ["file", "replace", "folder"]


def test_files_that_belong_together_come_together(tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    with pytest.raises(UnicodeEncodeError), atomic_files(paths) as (_, second):
        second.write_text("\ud800", encoding="utf-8")
    assert names(tmp_path) == []
    with atomic_files(paths) as temporaries:
        for temporary in temporaries:
            temporary.write_text("written")
    assert names(tmp_path) == ["a.txt", "b.txt"]


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="does not exist"), atomic_write(tmp_path / "no" / "a.txt"):
        pass


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="is a folder"), atomic_write(tmp_path):
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_the_files_rights_are_those_of_any_new_file_or_of_the_one_it_replaces(tmp_path: Path) -> None:
    plain, new = tmp_path / "plain", tmp_path / "new"
    plain.touch()
    for _ in range(2):
        with atomic_write(new) as temporary:
            temporary.write_text("x")
        assert new.stat().st_mode == plain.stat().st_mode
        plain.chmod(0o600)
        new.chmod(0o600)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target.txt"
    target.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    with atomic_write(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
