"""Files that hold more than one image: what is asked, what is opened, and what is predicted."""

from pathlib import Path
from typing import Any

import nibabel.nifti1
import numpy as np
import pytest
import tifffile

from condseg_app.data import ChunkedAnnotation, Image, Pick
from condseg_app.remote.wire import by_file, received
from condseg_app.session import fusing
from condseg_app.session.may import why_not
from condseg_app.session.requests import Choice
from tests.classes import id_of, ids_of, names_of


@pytest.fixture
def asked(empty: Any) -> list[Choice]:
    """What the session asks."""
    choices: list[Choice] = []
    empty.session.images.choice_needed.connect(choices.append)
    return choices


@pytest.fixture
def film(tmp_path: Path, volume: Image) -> Path:
    """Two frames; the voxels of the second are those of the volume."""
    path = tmp_path / "film.nii.gz"
    second = volume.voxels()[0]
    voxels = np.stack([np.zeros_like(second), second], axis=3)
    nibabel.nifti1.Nifti1Image(voxels, volume.geometry.affine).to_filename(path)
    return path


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A stack of two stains."""
    path = tmp_path / "cells.ome.tif"
    voxels = np.arange(2 * 3 * 8 * 9, dtype=np.uint16).reshape(2, 3, 8, 9) + 1
    metadata = {
        "axes": "CZYX",
        "Channel": {"Name": ["DAPI", "GFP"]},
        **{f"PhysicalSize{axis}": 1.0 for axis in "XYZ"},
    }
    tifffile.imwrite(path, voxels, photometric="minisblack", metadata=metadata)
    return path


def open_frame(desk: Any, asked: list[Choice], film: Path, frame: int) -> None:
    desk.session.images.open(film)
    assert desk.session.wait(10)
    desk.session.images.choose(asked.pop(), frame)
    assert desk.session.wait(10)


def test_a_file_of_several_frames_is_asked_about_not_refused(
    desk: Any, asked: list[Choice], film: Path, volume: Image
) -> None:
    desk.session.images.open(film)
    assert desk.session.wait(10)
    (choice,) = asked
    assert (choice.path, choice.needed.what) == (film, "frame")
    assert [value for value, _ in choice.needed.options] == [0, 1]
    assert desk.session.state.image is volume  # and so it stays where nothing is chosen
    assert desk.heard.failures == desk.heard.notices == []
    assert set(desk.heard.names()) <= {"jobs.changed", "jobs.progressed"}
    desk.session.jobs.cancel()  # nothing is being opened that could be stopped
    assert desk.heard.notices == []
    desk.session.images.choose(choice, 1)
    assert desk.session.wait(10)
    assert desk.session.state.image.pick == Pick(frame=1)
    assert np.array_equal(desk.session.state.image.voxels(), volume.voxels())
    assert len(asked) == 1


def test_the_model_named_with_a_file_is_opened_once_a_frame_is_chosen(
    empty: Any, asked: list[Choice], film: Path, model_path: Path
) -> None:
    empty.session.images.open(film, model_path)
    assert empty.session.wait(10)
    assert empty.session.state.model is None
    empty.session.images.choose(asked[0], 0)
    assert empty.session.wait(10)
    assert empty.session.state.model_path == model_path


def test_of_two_files_only_the_last_asks(desk: Any, asked: list[Choice], film: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.nii.gz"
    other.write_bytes(film.read_bytes())
    desk.session.images.open(film)
    desk.session.images.open(other)
    assert desk.session.wait(10)
    assert [choice.path for choice in asked] == [other]


def test_further_choices_keep_those_before(desk: Any, asked: list[Choice], tmp_path: Path) -> None:
    path = tmp_path / "vectors.nii.gz"  # (I, J, K, time, channel)
    voxels = np.arange(5 * 4 * 3 * 2 * 3, dtype=np.int16).reshape(5, 4, 3, 2, 3)
    nibabel.nifti1.Nifti1Image(voxels, np.eye(4)).to_filename(path)
    desk.session.images.open(path)
    assert desk.session.wait(10)
    desk.session.images.choose(asked[0], "channel 3")
    assert desk.session.wait(10)
    desk.session.images.choose(asked[1], 1)
    assert desk.session.wait(10)
    assert [choice.needed.what for choice in asked] == ["channel", "frame"]
    assert desk.session.state.image.pick == Pick(frame=1, channel="channel 3")
    assert np.array_equal(desk.session.state.image.voxels()[0], voxels[..., 1, 2])


def test_a_pick_that_does_not_exist_is_a_failure(desk: Any, asked: list[Choice], film: Path, volume: Image) -> None:
    desk.session.images.open(film, pick=Pick(frame=7))
    assert desk.session.wait(10)
    assert "has no frame 7" in str(desk.heard.failures[0])
    assert desk.session.state.image is volume
    assert asked == []


def test_the_frame_picked_is_the_frame_predicted(desk: Any, asked: list[Choice], film: Path, volume: Image) -> None:
    open_frame(desk, asked, film, 1)
    sent = by_file(desk.session.state.image)
    assert sent is not None  # its file, read again by the engine's process
    assert np.array_equal(received(sent).voxels(), volume.voxels())
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    assert np.array_equal(fusing.mask(desk.session.state, id_of(desk.session, "liver")), volume.voxels()[0] == 1)
    open_frame(desk, asked, film, 0)
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    assert not fusing.mask(desk.session.state, id_of(desk.session, "liver")).any()


def test_marks_belong_to_their_frame(desk: Any, asked: list[Choice], film: Path, volume: Image) -> None:
    open_frame(desk, asked, film, 0)
    ones = np.ones(volume.geometry.shape, bool)
    desk.session.annotations.put(id_of(desk.session, "liver"), ChunkedAnnotation.of(ones, ones))
    open_frame(desk, asked, film, 1)
    assert desk.session.state.annotations == {}
    open_frame(desk, asked, film, 0)
    assert set(names_of(desk.session, desk.session.state.annotations)) == {"liver"}


def test_a_channel_is_asked_for_where_the_model_takes_one(desk: Any, asked: list[Choice], cells: Path) -> None:
    desk.session.images.open(cells)
    assert desk.session.wait(10)
    assert desk.heard.failures == []
    assert desk.session.state.image.channels == ("DAPI", "GFP")  # all are in view, also where nothing is chosen
    desk.session.images.choose(asked[0], "GFP")
    assert desk.session.wait(10)
    assert desk.session.state.image.channels == ("GFP",)
    assert desk.heard.failures == []


def test_without_a_model_all_channels_are_opened(empty: Any, asked: list[Choice], cells: Path) -> None:
    empty.session.images.open(cells)
    assert empty.session.wait(10)
    assert (empty.session.state.image.channels, asked) == (("DAPI", "GFP"), [])
    assert why_not(empty.session.state, "choose_again") is None
    empty.session.images.choose_again()
    empty.session.images.choose(asked[0], "DAPI")
    assert empty.session.wait(10)
    assert empty.session.state.image.channels == ("DAPI",)


def test_another_frame_can_be_chosen_later(desk: Any, asked: list[Choice], film: Path) -> None:
    assert why_not(desk.session.state, "choose_again") == "The file holds no other image"
    open_frame(desk, asked, film, 0)
    assert why_not(desk.session.state, "choose_again") is None
    desk.session.images.choose_again()
    assert desk.session.wait(10)
    desk.session.images.choose(asked[0], 1)
    assert desk.session.wait(10)
    assert desk.session.state.image.pick == Pick(frame=1)


def test_a_question_is_part_of_the_state_until_it_is_answered_or_dropped(
    desk: Any, asked: list[Choice], film: Path, volume: Image
) -> None:
    session = desk.session
    for answer in (session.images.choose_nothing, lambda: session.images.choose(asked[-1], 1)):
        session.images.open(film)
        assert session.wait(10)
        assert session.state.question is asked[-1]
        assert session.state.image is volume
        answer()
        assert session.state.question is None
    assert session.wait(10)
    assert len(asked) == 2
    assert session.state.image.pick.frame == 1
