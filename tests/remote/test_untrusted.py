"""A file that would take all memory, or that never ends, is refused in a sentence, and the program goes on."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pytest

from condseg_app.data import Pick
from condseg_app.errors import CondsegError, OutOfMemory, ReadError
from condseg_app.remote import untrusted
from condseg_app.remote.untrusted import check_untrusted
from condseg_app.tasks import predict_folder
from condseg_app.tasks.predict_folder import Outcome, Stage, checked_first


def save(path: Path, frames: int = 1) -> Path:
    voxels = np.arange(120 * frames, dtype=np.int16).reshape(5, 6, 4, frames)
    nibabel.Nifti1Image(voxels, np.eye(4)).to_filename(path)
    return path


def instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(untrusted, "_command", lambda path, pick: [sys.executable, "-c", code])


def test_a_sound_file_passes(tmp_path: Path) -> None:
    check_untrusted(save(tmp_path / "a.nii.gz"))
    check_untrusted(save(tmp_path / "b.nii.gz", 2), Pick(frame=1))
    check_untrusted(save(tmp_path / "c.nii.gz", 2))  # which of them is for whoever opens it to choose


def test_a_damaged_one_is_refused_in_the_readers_own_sentence(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii")
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(ReadError, match="the file is cut off") as caught:
        check_untrusted(path)
    assert str(caught.value).count(str(path)) == 1
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_one_that_takes_all_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, "x = [bytes(1 << 28) for _ in range(1 << 20)]")
    with pytest.raises(OutOfMemory, match=r"2\.0 GiB; do not open it"):
        check_untrusted(save(tmp_path / "a.nii"), memory=2 << 30)


def test_one_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, "while True: pass")
    with pytest.raises(ReadError, match=r"within 0\.5 s; it may be damaged on purpose"):
        check_untrusted(save(tmp_path / "a.nii"), seconds=0.5)


def test_one_that_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, "import os; os.abort()")
    with pytest.raises(ReadError, match="ended the process"):
        check_untrusted(save(tmp_path / "a.nii"))


def test_the_other_images_are_segmented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = tmp_path / "good.nii", tmp_path / "bad.nii"

    def check(path: Path, pick: Pick) -> None:
        if path == bad:
            raise ReadError("is damaged", path=path)

    def segment_all(files: Sequence[Path], request: Any) -> Iterator[Stage]:
        for file in files:
            yield Stage((), outcome=Outcome(file, None, CondsegError("segmented")))

    monkeypatch.setattr(predict_folder, "check_untrusted", check)
    request: Any = SimpleNamespace(options=SimpleNamespace(pick=Pick()))
    ends = [stage.outcome for stage in checked_first(segment_all)([bad, good], request)]
    assert [(end.file, str(end.answer)) for end in ends if end] == [(bad, f"{bad}: is damaged"), (good, "segmented")]
