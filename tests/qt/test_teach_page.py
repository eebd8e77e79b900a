import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLabel, QMessageBox

from condseg_app.data import (
    EVERYWHERE,
    Certificate,
    ChunkedAnnotation,
    ClassChange,
    ClassId,
    Image,
    ImageProof,
    TeachingMode,
    TrainingProgress,
)
from condseg_app.errors import EngineLost
from condseg_app.qt import Panel
from condseg_app.qt.lesson_figures import stalled
from condseg_app.qt.lesson_outcome import LessonOutcome
from condseg_app.qt.teach_page import marked_text
from condseg_app.session import LessonResult
from tests.classes import id_of, ids_of

LEFT = Qt.MouseButton.LeftButton


def paint(panel: Panel, name: str) -> None:
    """A stroke with the real brush, on the slice in view."""
    panel.show_teach(id_of(panel.session, name))
    if panel.binding.annotation.class_id != id_of(panel.session, name):
        panel.teach.paint.click()
    layer = panel.binding.annotation.layer
    assert layer is not None
    layer.brush_size = 3
    layer.paint((2, 3, 3), panel.session.state.classes[name].value)
    panel.binding.painting.collect()


def job_state(panel: Panel) -> str:
    assert panel.session.jobs.current is not None
    return panel.session.jobs.current.state


def test_both_pages_know_where_the_brush_is(panel: Panel) -> None:
    panel.session.classes.add("lesion")
    panel.show_teach(id_of(panel.session, "lesion"))
    assert panel.teach.paint.text() == "Paint lesion"
    panel.binding.begin_painting(id_of(panel.binding.session, "lesion"))
    assert panel.teach.paint.text() == "Stop painting"
    assert panel.classes.correct_button.text() == "Done"
    panel.binding.stop_painting()
    assert panel.teach.paint.text() == "Paint lesion"
    assert panel.classes.correct_button.text() != "Done"


def test_what_is_marked_is_told(panel: Panel) -> None:
    panel.session.classes.add("lesion")
    panel.show_teach(id_of(panel.session, "lesion"))
    page = panel.teach
    assert page.which.currentText() == "lesion"
    assert page.marked.text() == "nothing yet"
    assert not page.start.isEnabled()
    assert "paint it on a few slices" in page.start.toolTip()
    paint(panel, "lesion")
    assert page.marked.text().endswith("on 1 slice")
    assert page.start.isEnabled()


def test_complete_marks_the_slice_then_the_volume(qtbot: QtBot, panel: Panel) -> None:
    paint(panel, "liver")
    qtbot.mouseClick(panel.teach.slice_done, LEFT)
    assert panel.teach.marked.text().endswith("on 1 slice, 1 complete")
    qtbot.mouseClick(panel.teach.volume_done, LEFT)
    assert panel.teach.marked.text().endswith("the whole image is complete")
    panel.session.undo()
    assert panel.teach.marked.text().endswith("on 1 slice, 1 complete")


def test_complete_works_without_a_stroke(qtbot: QtBot, panel: Panel) -> None:
    """A class that is absent is declared so."""
    panel.show_teach(id_of(panel.session, "liver"))
    qtbot.mouseClick(panel.teach.slice_done, LEFT)
    assert panel.session.state.annotations[id_of(panel.session, "liver")].state == "absent"


def test_in_3d_no_slice_can_be_complete(qtbot: QtBot, panel: Panel, stage: Any) -> None:
    panel.show_teach(id_of(panel.session, "liver"))
    panel.binding.viewer.dims.ndisplay = 3
    qtbot.mouseClick(panel.teach.slice_done, LEFT)
    assert id_of(panel.session, "liver") not in panel.session.state.annotations
    assert "2D" in stage.notices[-1]


def taught(qtbot: QtBot, panel: Panel, name: str, mode: TeachingMode, steps: int = 3) -> LessonOutcome:
    """What is on the page after a lesson."""
    paint(panel, name)
    page = panel.teach
    qtbot.mouseClick(page.mode.buttons[mode], LEFT)
    page.steps.setValue(steps)
    qtbot.mouseClick(page.start, LEFT)
    assert page.pause.isEnabled()
    assert not page.mode.isVisible(), "it cannot be changed now, and the curves need the room"
    qtbot.waitUntil(lambda: panel.session.state.lesson_result is not None, timeout=20_000)
    return page.outcome


def test_an_exact_lesson_from_start_to_acceptance(qtbot: QtBot, panel: Panel, stage: Any) -> None:
    panel.session.classes.add("lesion")
    assert panel.teach.mode.mode == "exact"
    outcome = taught(qtbot, panel, "lesion", "exact")
    lesson = stage.tools.lessons[-1]
    assert (lesson.mode, lesson.steps, lesson.entry.name) == ("exact", 3, "lesion")
    figures = panel.teach.figures
    assert figures.curves._values[id_of(panel.session, "lesion")] == ([1, 2, 3], [0.5] * 3)
    assert figures.curves._values[""][0] == [1, 2, 3]
    assert figures.dice.text() == "0.50"
    assert figures.meaning.text() == "on annotated slices it has not learnt from"
    assert figures.spent.text() == "0:00 min"
    assert figures.remark.text() == "This looks like spleen, Dice 0.93."
    assert not outcome.changes.isVisible()
    assert outcome.certificate.text() == (
        "The 3 other classes answer the same to the bit: checked on this image, weights 3f2a…"
    )
    assert "0.50 on annotated slices" in outcome.verdict.text()
    qtbot.mouseClick(outcome.accept, LEFT)
    assert panel.session.state.can_predict(id_of(panel.session, "lesion"))
    assert not outcome.isVisible()


def test_a_full_lesson_shows_all_classes_and_asks_where_some_are_worse(qtbot: QtBot, panel: Panel, stage: Any) -> None:
    panel.session.classes.add("lesion")
    outcome = taught(qtbot, panel, "lesion", "full")
    assert stage.tools.lessons[-1].mode == "full"
    assert panel.teach.figures.meaning.text() == "on the pieces it has just learnt from"
    assert not outcome.certificate.isVisible()
    cells = [[outcome.changes.item(row, column) for column in range(4)] for row in range(outcome.changes.rowCount())]
    rows = [[cell.text() for cell in row if cell is not None] for row in cells]
    assert rows[0] == ["lesion", "–", "0.75", "new"]
    assert rows[1] == ["liver", "1.00", "0.75", "-0.25"]
    assert "Worse than before: liver" in outcome.verdict.text()
    for answer, known in (("Cancel", False), ("Use it", True)):
        qtbot.mouseClick(outcome.accept, LEFT)
        box = next(box for box in outcome.findChildren(QMessageBox, "worse_dialog") if box.isVisible())
        assert "liver (0.250)" in box.text()
        qtbot.mouseClick(next(b for b in box.buttons() if b.text().replace("&", "") == answer), LEFT)
        assert panel.session.state.can_predict(id_of(panel.session, "lesion")) == known


def test_only_the_person_s_choice_of_a_mode_is_told(qtbot: QtBot, panel: Panel) -> None:
    page, told = panel.teach, list[str]()
    page.mode_chosen.connect(told.append)
    panel.show_page("teach")
    assert page.steps.value() == 600
    qtbot.mouseClick(page.mode.buttons["full"], LEFT)
    assert page.steps.value() == 600
    page.choose_mode("exact")
    assert page.mode.mode == "exact"
    assert told == ["full"]


def discard(qtbot: QtBot, outcome: LessonOutcome) -> None:
    """Discard a taught model, and confirm it."""
    qtbot.waitUntil(lambda: not outcome.findChildren(QMessageBox, "discard_dialog"))
    qtbot.mouseClick(outcome.discard, LEFT)
    (box,) = outcome.findChildren(QMessageBox, "discard_dialog")
    (sure,) = (one for one in box.buttons() if box.buttonRole(one) == QMessageBox.ButtonRole.DestructiveRole)
    qtbot.mouseClick(sure, LEFT)


def test_each_mode_stands_right_above_its_explanation(panel: Panel) -> None:
    panel.resize(340, 1200)
    panel.show_page("teach")
    QApplication.processEvents()
    mode = panel.teach.mode
    for label in mode.findChildren(QLabel):
        assert label.height() <= label.heightForWidth(label.width()) + 2


def test_a_lesson_can_be_discarded(qtbot: QtBot, panel: Panel) -> None:
    outcome = taught(qtbot, panel, "liver", "exact", 1)
    lesson = panel.session.state.lesson_result
    assert lesson is not None
    assert lesson.path.exists()
    qtbot.mouseClick(outcome.discard, LEFT)
    (box,) = outcome.findChildren(QMessageBox, "discard_dialog")
    assert "file is deleted" in box.informativeText()
    qtbot.mouseClick(box.button(QMessageBox.StandardButton.Cancel), LEFT)
    assert lesson.path.exists()
    assert outcome.isVisible()
    discard(qtbot, outcome)
    assert not lesson.path.exists()
    assert outcome.isHidden()


def test_how_much_is_marked_is_said_for_all_images(panel: Panel, scan: Image) -> None:
    panel.session.classes.add("lesion")
    paint(panel, "lesion")
    here = panel.teach.marked.text()
    assert "other image" not in here
    panel.session.images.show(replace(scan, name="another", source=None))
    assert panel.teach.marked.text() == "nothing yet; 1 other image annotated"
    panel.session.images.show(scan)
    assert panel.teach.marked.text() == here


def test_a_lesson_that_stalls_low_is_pointed_out() -> None:
    rising = [(50, 0.1), (100, 0.3), (150, 0.45), (200, 0.6)]
    assert stalled(rising) == ""
    assert stalled([*rising[:3], (200, 0.31)]).startswith("It gets no better")
    assert stalled([(50, 0.8), (150, 0.81), (250, 0.8)]) == "", "good enough"
    assert stalled(rising[:3]) == "", "too early to say"
    assert stalled([]) == ""


def changes_of(panel: Panel, taught: str, dice: float) -> dict[ClassId, ClassChange]:
    """The outcome of a lesson of a new class."""
    entry = panel.session.classes.add(taught)
    assert entry is not None
    liver = ClassChange("liver", 1.0, 1.0, "prediction")
    return {id_of(panel.session, "liver"): liver, entry.id: ClassChange(taught, None, dice, "annotation")}


def test_a_certificate_that_does_not_hold_is_said_in_red(panel: Panel) -> None:
    broken = Certificate("a", "b", "c", "c")
    changes = changes_of(panel, "lesion", 0.9)
    outcome = panel.teach.outcome
    outcome.show_result(LessonResult(Path("x"), Path("y"), id_of(panel.session, "lesion"), changes, broken))
    assert "must not happen" in outcome.certificate.text()
    assert "color" in outcome.certificate.styleSheet()
    assert "which it has learnt from" in outcome.verdict.text()


@pytest.mark.parametrize(
    ("dice", "title", "button"),
    [
        (0.0, "Nothing of cyst was learnt", "Use it anyway"),
        (0.3, "Little of cyst was learnt", "Use it anyway"),
        (0.9, "cyst is taught", "Use the new model"),
    ],
)
def test_a_lesson_that_learnt_nothing_is_not_called_taught(panel: Panel, dice: float, title: str, button: str) -> None:
    certificate = Certificate("a", "a", "c", "c", (ImageProof("scan", "1", "1"),))
    changes = changes_of(panel, "cyst", dice)
    why = ("cyst is < 2 mm across.", "Only 1 slice is annotated.") if dice < 0.5 else ()
    outcome = panel.teach.outcome
    outcome.show_result(
        LessonResult(Path("x"), Path("y"), id_of(panel.session, "cyst"), changes, certificate, reasons=why)
    )
    assert outcome.title.text() == title
    assert outcome.accept.text() == button
    assert outcome.reasons.isVisibleTo(outcome) == bool(why)
    assert ("will be lower" in outcome.verdict.text()) == (not why)
    assert all(reason in outcome.reasons.text() for reason in why)


def start_long(qtbot: QtBot, panel: Panel, name: str = "liver") -> None:
    """A lesson that goes on until it is stopped."""
    paint(panel, name)
    panel.teach.steps.setValue(100_000)
    qtbot.mouseClick(panel.teach.start, LEFT)


def questions(panel: Panel) -> list[QMessageBox]:
    """Questions about a lesson that are open."""
    return [asked for asked in panel.findChildren(QMessageBox, "lesson_question") if asked.isVisible()]


def answer(qtbot: QtBot, panel: Panel, text: str) -> None:
    """Answer the question what becomes of the lesson."""
    (question,) = questions(panel)
    qtbot.mouseClick(next(button for button in question.buttons() if button.text().replace("&", "") == text), LEFT)


def ways_to_stop(qtbot: QtBot, panel: Panel) -> dict[str, Callable[[], None]]:
    return {
        "cross": lambda: qtbot.mouseClick(panel.job.stop, LEFT),
        "escape": lambda: qtbot.keyClick(panel, Qt.Key.Key_Escape),
        "cancel": lambda: qtbot.mouseClick(panel.teach.cancel, LEFT),
    }


@pytest.mark.parametrize("way", ["cross", "escape", "cancel"])
def test_nothing_that_was_learnt_is_forgotten_without_asking(qtbot: QtBot, panel: Panel, way: str) -> None:
    start_long(qtbot, panel)
    qtbot.waitUntil(lambda: panel.session.unsaved.lesson is not None, timeout=20_000)
    stop = ways_to_stop(qtbot, panel)[way]
    stop()
    assert panel.session.state.is_teaching, "it was stopped without a question"
    (question,) = questions(panel)
    assert "liver: " in question.text()
    assert "of learning, step " in question.text()
    stop()
    assert len(questions(panel)) == 1
    answer(qtbot, panel, "Go on learning")
    assert panel.session.state.is_teaching
    stop()
    answer(qtbot, panel, "Keep what was learnt")
    qtbot.waitUntil(lambda: panel.session.state.lesson_result is not None, timeout=20_000)
    assert panel.session.state.lesson_result is not None
    assert panel.session.state.lesson_result.path.exists()


def test_the_question_goes_when_the_lesson_ends(qtbot: QtBot, panel: Panel) -> None:
    start_long(qtbot, panel)
    qtbot.waitUntil(lambda: panel.session.unsaved.lesson is not None, timeout=20_000)
    qtbot.mouseClick(panel.job.stop, LEFT)
    panel.session.lessons.finish()
    qtbot.waitUntil(lambda: panel.session.state.lesson_result is not None, timeout=20_000)
    qtbot.waitUntil(lambda: not questions(panel))


def test_what_is_not_learnt_yet_and_what_is_predicted_is_stopped_at_once(
    qtbot: QtBot, panel: Panel, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    real = stage.tools.predictor

    def wait(*arguments: Any) -> Any:
        held.wait(20)
        return real(*arguments)

    monkeypatch.setattr(stage.tools, "predictor", wait)
    panel.session.predictions.start()
    qtbot.mouseClick(panel.job.stop, LEFT)
    assert panel.session.jobs.current is None
    held.set()
    assert not questions(panel)


def test_another_lesson_does_not_forget_what_a_lost_engine_had_taught(
    qtbot: QtBot, panel: Panel, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_long(qtbot, panel)
    qtbot.waitUntil(lambda: panel.session.unsaved.lesson is not None, timeout=20_000)
    with monkeypatch.context() as patch:
        lost = EngineLost("the engine was killed; do it again to start a new one")
        patch.setattr(stage.tools.trainers[-1], "advance", lambda _: raise_(lost))
        qtbot.waitUntil(lambda: panel.session.jobs.current is None, timeout=20_000)
    panel.session.classes.choose(id_of(panel.session, "spleen"))
    paint(panel, "spleen")
    qtbot.mouseClick(panel.teach.start, LEFT)
    assert panel.session.jobs.current is None
    answer(qtbot, panel, "Keep what was learnt")
    qtbot.waitUntil(lambda: panel.session.state.lesson_result is not None, timeout=20_000)


def test_a_lesson_can_be_paused_and_cancelled(qtbot: QtBot, panel: Panel, stage: Any) -> None:
    start_long(qtbot, panel)
    qtbot.mouseClick(panel.teach.pause, LEFT)
    assert job_state(panel) == "paused"
    assert panel.teach.pause.text() == "Go on"
    qtbot.mouseClick(panel.teach.pause, LEFT)
    assert job_state(panel) == "running"
    qtbot.waitUntil(lambda: panel.session.unsaved.lesson is not None, timeout=20_000)
    qtbot.mouseClick(panel.teach.cancel, LEFT)
    answer(qtbot, panel, "Forget it")
    assert panel.session.jobs.current is None
    assert panel.session.state.lesson_result is None
    assert "nothing was saved" in stage.notices[-1]
    assert not panel.teach.history.isVisible()
    assert not panel.teach.cancel.isEnabled()


def test_a_lesson_that_is_stopped_is_kept_and_can_go_on(qtbot: QtBot, panel: Panel, stage: Any) -> None:
    start_long(qtbot, panel)
    page = panel.teach
    assert "Go on painting" in page.advice.text()
    qtbot.waitUntil(lambda: len(panel.session.state.lesson_states) > 1, timeout=20_000)
    qtbot.mouseClick(page.stop, LEFT)
    qtbot.waitUntil(lambda: panel.session.state.lesson_result is not None, timeout=20_000)
    assert page.outcome.isVisible()
    assert "Annotate the class" in page.advice.text()
    assert page.start.text() == "Continue"
    qtbot.mouseClick(page.start, LEFT)
    assert page.start.text() == "Start"
    qtbot.waitUntil(lambda: panel.session.state.lesson_states[-1].step > 120, timeout=20_000)
    qtbot.mouseClick(page.stop, LEFT)
    qtbot.waitUntil(lambda: panel.session.jobs.current is None, timeout=20_000)
    assert not page.cancel.isVisible(), "there is Discard"
    discard(qtbot, page.outcome)
    assert panel.session.state.lesson_result is None
    assert page.start.text() == "Start"
    assert list((stage.model_file.parent / "models").iterdir()) == []


def test_what_a_lost_engine_had_taught_can_go_on_or_be_forgotten(
    qtbot: QtBot, panel: Panel, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = panel.teach

    def lose() -> None:
        start_long(qtbot, panel)
        qtbot.waitUntil(lambda: len(panel.session.state.lesson_states) > 0, timeout=20_000)
        with monkeypatch.context() as patch:
            lost = EngineLost("the engine was killed; do it again to start a new one")
            patch.setattr(stage.tools.trainers[-1], "advance", lambda _: raise_(lost))
            qtbot.waitUntil(lambda: panel.session.jobs.current is None, timeout=20_000)

    lose()
    assert "is kept" in stage.notices[-1]
    assert page.start.text() == "Continue"
    assert page.history.use.isEnabled()
    assert "Save this state" in page.history.use.toolTip()
    qtbot.mouseClick(page.history.use, LEFT)
    qtbot.waitUntil(lambda: panel.session.jobs.current is None, timeout=20_000)
    assert page.outcome.isVisible()
    discard(qtbot, page.outcome)
    lose()
    qtbot.mouseClick(page.cancel, LEFT)
    answer(qtbot, panel, "Decide later")
    assert page.start.text() == "Continue"
    qtbot.mouseClick(page.cancel, LEFT)
    answer(qtbot, panel, "Forget it")
    assert page.start.text() == "Start"
    assert not page.history.isVisible()


def raise_(error: Exception) -> None:
    raise error


def test_painting_goes_on_and_enters_the_lesson_and_the_slice_shows_it(
    qtbot: QtBot, panel: Panel, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condseg_app.session.live._BETWEEN_SHOWS", 0.0)
    monkeypatch.setattr("condseg_app.session.preview_schedule._BETWEEN_LOOKS", 0.0)
    start_long(qtbot, panel)
    draft = panel.binding.annotation.draft
    assert draft is not None
    seen = panel.binding.visible_slice()
    assert seen is not None
    qtbot.waitUntil(lambda: bool(draft.shown(seen)[1::2].all()), timeout=20_000)
    layer = panel.binding.annotation.layer
    assert layer is not None
    panel.binding.viewer.dims.set_current_step(0, 1)
    layer.paint((1, 3, 3), panel.session.state.classes["liver"].value)
    panel.binding.painting.collect()
    trainer = stage.tools.trainers[-1]
    marked = int(panel.session.state.annotations[id_of(panel.session, "liver")].supervised.sum())
    qtbot.waitUntil(lambda: int(trainer.lesson.annotations[0].supervised.sum()) == marked, timeout=20_000)
    qtbot.mouseClick(panel.teach.cancel, LEFT)
    answer(qtbot, panel, "Forget it")
    assert panel.binding.annotation.draft is draft
    assert draft.shown(EVERYWHERE).sum() == draft.annotation.decided, "what was learnt is seen no more"


def test_earlier_states_are_listed_and_gone_back_to(qtbot: QtBot, panel: Panel) -> None:
    outcome = taught(qtbot, panel, "liver", "exact", 12)
    page = panel.teach
    history = page.history
    texts = [history.states.itemText(row) for row in range(history.states.count())]
    dice_at = {1: "0.50", 5: "0.51", 10: "0.52", 12: "0.52"}
    assert texts == [f"{step} step{'s' * (step > 1)}, 0:00 min: Dice {dice}" for step, dice in dice_at.items()]
    assert history.states.currentIndex() == 3
    assert not history.use.isEnabled()
    assert "was saved" in history.use.toolTip()
    history.states.setCurrentIndex(1)
    qtbot.mouseClick(history.use, LEFT)
    qtbot.waitUntil(lambda: panel.session.jobs.current is None, timeout=20_000)
    assert "0.51 on annotated slices" in outcome.verdict.text()
    assert history.states.count() == 4
    assert not history.use.isEnabled()
    page.figures.add(TrainingProgress(6, 12, 0.3, {id_of(panel.session, "liver"): 0.51}), panel.session.state.classes)
    assert page.figures.curves._values[""][0] == [1, 2, 3, 4, 5, 6], "what came later is off the curve"


def test_after_acceptance_the_class_is_shown_and_the_model_before_is_one_click_away(
    qtbot: QtBot, panel: Panel, stage: Any
) -> None:
    panel.session.classes.add("lesion")
    outcome = taught(qtbot, panel, "lesion", "exact")
    before = panel.teach.before
    assert not before.isVisible()
    qtbot.mouseClick(outcome.accept, LEFT)
    qtbot.waitUntil(lambda: panel.session.state.state_of(id_of(panel.session, "lesion")) == "complete", timeout=20_000)
    assert before.isVisible()
    qtbot.mouseClick(before, LEFT)
    assert panel.session.state.model_path == stage.model_file
    assert not before.isVisible()


def test_the_least_certain_slice_is_one_click_away(qtbot: QtBot, panel: Panel) -> None:
    panel.show_teach(id_of(panel.session, "liver"))
    place = panel.teach.next
    place._again.setInterval(10)
    assert not place.text.isVisible()
    panel.session.predictions.start(ids_of(panel.session, ["liver"]))
    qtbot.waitUntil(place.text.isVisible, timeout=20_000)
    sight, proposal = panel.binding.sight, place._proposal
    assert sight is not None
    assert proposal is not None
    assert proposal.index is not None
    assert place.text.text() == f"Least certain on slice {sight.slider_at(proposal.axis, proposal.index)}"
    qtbot.mouseClick(place.go, LEFT)
    seen = panel.binding.visible_slice()
    assert seen is not None
    assert seen[proposal.axis] == slice(proposal.index, proposal.index + 1)
    qtbot.mouseClick(panel.teach.volume_done, LEFT)
    qtbot.waitUntil(lambda: not place.text.isVisible(), timeout=20_000)


def test_the_least_certain_image_is_one_click_away(qtbot: QtBot, panel: Panel, scan: Image) -> None:
    other = replace(scan, name="other scan", array=scan.array[:, ::-1])
    panel.session.images.show(other)
    paint(panel, "spleen")
    panel.session.images.show(scan)
    panel.show_teach(id_of(panel.session, "liver"))
    place = panel.teach.next
    assert place.others.text() == "Other images of this folder"
    qtbot.mouseClick(place.look, LEFT)
    qtbot.waitUntil(lambda: place.look.text() == "Open", timeout=20_000)
    assert place.others.text() == "Least certain of 1 other image: other scan"
    found = place._image
    assert found is not None
    assert found.slice.index is not None
    qtbot.mouseClick(place.look, LEFT)
    assert panel.session.state.image is other
    seen = panel.binding.visible_slice()
    assert seen is not None
    assert seen[found.slice.axis] == slice(found.slice.index, found.slice.index + 1)
    qtbot.waitUntil(lambda: panel.session.state.state_of(id_of(panel.session, "liver")) == "complete", timeout=20_000)
    assert place.look.text() == "Look", "the next one has to be looked for anew"


def test_other_images_are_not_looked_at_while_there_is_other_work(qtbot: QtBot, panel: Panel) -> None:
    panel.show_teach(id_of(panel.session, "liver"))
    place = panel.teach.next
    assert place.look.isEnabled()
    panel.session.predictions.start(ids_of(panel.session, ["liver"]))
    assert not place.look.isEnabled()
    assert place.look.toolTip().startswith("Wait until")
    qtbot.waitUntil(place.look.isEnabled, timeout=20_000)
    panel.session.classes.add("lesion")
    panel.session.classes.choose(id_of(panel.session, "lesion"))
    assert not place.others.isVisible(), "the model does not know it"


def test_marked_text_counts_across_the_axis_that_was_painted() -> None:
    mask = np.zeros((5, 6, 7), bool)
    supervised = mask.copy()
    supervised[:, 2] = True
    supervised[0, 4, 0] = True
    mask[1, 2, 3] = mask[0, 4, 0] = True
    assert marked_text(ChunkedAnnotation.of(mask, supervised)) == "2 voxels on 2 slices, 1 complete"
    flat = ChunkedAnnotation.of(mask[:, :, 3:4], supervised[:, :, 3:4])
    assert marked_text(flat) == "1 pixel"
    assert marked_text(None) == "nothing yet"
