"""Where to mark next: on the image in view, and on others."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, Image, LabelMap
from condseg_app.errors import EngineLost, OutOfMemory
from condseg_app.session import ImageProposal, Proposal
from tests.classes import id_of, ids_of

# The fixture `desk` is a session with a stand-in engine: see conftest.py. Voxels of intensity 1 are liver; a slice is
# the less certain, the more of it is liver.
SHAPE = (6, 5, 4)
AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])


def mark(desk: Any, name: str, planes: tuple[int, ...]) -> None:
    shape = desk.session.state.image.geometry.shape
    mask, known = np.zeros(shape, bool), np.zeros(shape, bool)
    mask[1:3, 1:3] = True
    known[:, :, list(planes)] = True
    desk.session.annotations.put(id_of(desk.session, name), ChunkedAnnotation.of(mask, known))


def proposed(desk: Any, name: str, axis: int) -> Proposal:
    desk.session.proposals.find_slice(id_of(desk.session, name), axis)
    desk.until(lambda: "proposals.slice_proposed" in desk.heard.names())
    proposal = desk.heard.signals.pop()[1][0]
    assert isinstance(proposal, Proposal)
    return proposal


def test_the_least_certain_slice_is_proposed_and_marked_ones_are_left_out(desk: Any, volume: Image) -> None:
    assert proposed(desk, "liver", 2).index is None, "nothing is known yet"
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    first = proposed(desk, "liver", 2)
    counts = [(volume.array[0, :, :, k] == desk.session.state.classes["liver"].value).sum() for k in range(4)]
    assert first.index == int(np.argmax(counts)), "all its voxels have the same probability"
    mark(desk, "liver", planes=(first.index,))
    assert proposed(desk, "liver", 2).index not in (None, first.index)
    mark(desk, "liver", planes=(0, 1, 2, 3))
    assert proposed(desk, "liver", 2) == Proposal(id_of(desk.session, "liver"), 2, None)


def write(path: Path, counts: tuple[int, ...], orientation: str | None = None) -> Path:
    """A volume with so many voxels of liver on each slice."""
    voxels = np.zeros((30, 4), np.int16)
    for k, count in enumerate(counts):
        voxels[:count, k] = 1
    image = nibabel.Nifti1Image(voxels.reshape(SHAPE), AFFINE)
    if orientation is not None:
        wanted = nibabel.orientations.axcodes2ornt(tuple(orientation))
        here = nibabel.orientations.io_orientation(AFFINE)
        image = image.as_reoriented(nibabel.orientations.ornt_transform(here, wanted))
    image.to_filename(path)
    return path


@pytest.fixture
def folder(desk: Any, tmp_path: Path) -> Path:
    """Four volumes of which the second is in view, and what is no volume."""
    folder = tmp_path / "scans"
    folder.mkdir()
    write(folder / "a.nii.gz", (2, 3, 4, 5))
    desk.session.images.open(write(folder / "b.nii.gz", (0, 30, 0, 0)))
    desk.finish()
    write(folder / "c.nii.gz", (0, 0, 0, 0))
    write(folder / "d.nii.gz", (4, 5, 20, 6), "SRP")
    (folder / "e.nii.gz").write_bytes(b"no volume at all")
    (folder / "notes.txt").write_text("neither")
    desk.heard.signals.clear()
    return folder


def next_image(desk: Any, axis: int = 2) -> ImageProposal:
    desk.heard.signals.clear()
    desk.session.proposals.find_image(id_of(desk.session, "liver"), axis)
    desk.until(lambda: desk.session.jobs.current is None)
    proposal = dict(desk.heard.signals)["proposals.image_proposed"][0]
    assert isinstance(proposal, ImageProposal)
    return proposal


@pytest.mark.usefixtures("folder")
def test_the_least_certain_image_is_proposed_with_its_slice(desk: Any) -> None:
    found = next_image(desk)
    assert (found.class_id, found.images) == (id_of(desk.session, "liver"), 3), "what cannot be read is passed over"
    assert found.image is not None
    assert found.image.name == "d"
    # Its axes are S, R, P: the slices of the view follow each other on the first one.
    assert found.slice == Proposal(id_of(desk.session, "liver"), 0, 2)
    assert desk.heard.failures == []


@pytest.mark.usefixtures("folder")
def test_what_was_found_so_far_is_told_after_each_image(desk: Any) -> None:
    next_image(desk)
    told = [values[0] for signal, values in desk.heard.signals if signal == "proposals.image_proposed"]
    assert [(found.images, found.image.name) for found in told] == [(1, "c"), (2, "d"), (2, "d"), (3, "d")]


@pytest.mark.usefixtures("folder")
def test_it_can_be_opened_without_its_file(desk: Any, folder: Path) -> None:
    found = next_image(desk)
    (folder / "d.nii.gz").unlink()
    desk.session.images.show(found.image)
    assert desk.session.state.image.name == "d"


def test_marked_slices_of_images_of_the_session_do_not_count(desk: Any, folder: Path) -> None:
    desk.session.images.open(folder / "d.nii.gz")
    desk.finish()
    known: NDArray[np.bool_] = np.zeros(desk.session.state.image.geometry.shape, bool)
    known[1:] = True
    desk.session.annotations.put(id_of(desk.session, "liver"), ChunkedAnnotation.of(known, known))
    desk.session.images.open(folder / "b.nii.gz")
    desk.finish()
    found = next_image(desk)
    assert found.images == 3, "it is looked at once"
    assert found.image is not None
    assert (found.image.name, found.slice.index) == ("a", 3)


def test_label_maps_and_other_kinds_are_passed_over(desk: Any, folder: Path) -> None:
    for name in "acd":
        (folder / f"{name}.nii.gz").unlink()
    labels = LabelMap(np.ones(SHAPE, np.uint8), desk.session.state.image.geometry, desk.session.state.classes)
    io.write_label_map(folder / "b_labels.nii.gz", labels)
    PIL.Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(folder / "photo.png")
    found = next_image(desk)
    assert (found.images, found.image) == (0, None)


@pytest.mark.usefixtures("folder")
def test_one_image_that_does_not_fit_into_memory_stops_no_other(desk: Any) -> None:
    desk.tools.fail[desk.tools.calls] = OutOfMemory("the image is too large")
    found = next_image(desk)
    assert found.images == 2


@pytest.mark.usefixtures("folder")
def test_an_engine_that_is_lost_is_told_of(desk: Any) -> None:
    desk.tools.fail[desk.tools.calls] = EngineLost("the engine ended; try again")
    desk.session.proposals.find_image(id_of(desk.session, "liver"), 2)
    desk.until(lambda: desk.session.jobs.current is None)
    assert [type(error) for error in desk.heard.failures] == [EngineLost]
    assert "proposals.image_proposed" not in desk.heard.names()


@pytest.mark.usefixtures("folder")
def test_it_can_be_cancelled(desk: Any) -> None:
    gate = desk.hold()
    desk.session.proposals.find_image(id_of(desk.session, "liver"), 2)
    desk.tools.entered.acquire(timeout=20)
    desk.session.jobs.cancel()
    gate.release(100)
    desk.finish()
    assert "proposals.image_proposed" not in desk.heard.names()
    assert desk.heard.failures == []


def test_a_folder_that_is_gone_holds_no_other_image(desk: Any, folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    assert (next_image(desk).images, desk.heard.failures) == (0, [])


def test_without_a_file_only_images_of_the_session_are_looked_at(desk: Any, volume: Image) -> None:
    assert next_image(desk).images == 0
    mark(desk, "spleen", (0,))
    desk.session.images.show(replace(volume, name="another"))
    found = next_image(desk)
    assert found.images == 1
    assert found.image is volume


def test_a_class_that_the_model_does_not_know_is_refused(desk: Any) -> None:
    desk.session.classes.add("lesion")
    desk.session.proposals.find_image(id_of(desk.session, "lesion"), 2)
    assert "does not know lesion yet" in str(desk.heard.failures[-1])
