"""A window used image after image: opened, painted on, predicted, turned to 3D and back."""

import logging
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from harness.window import rest, until

from condseg_app.data import ClassId

if TYPE_CHECKING:
    from condseg_app.desktop.window import MainWindow

_PATIENCE = 60.0
_PREDICTING = 2.0


class Soak:
    """A person's actions in a window, in an order that chance decides.

    Args:
        window: the app's window.
        images: files that are opened in turn.
        seed: of chance.

    Attributes:
        actions: number of actions.
        wrong: failures: exceptions, errors in the log, commands that failed.
    """

    def __init__(self, window: "MainWindow", images: Sequence[Path], seed: int = 0) -> None:
        self._window = window
        self._session, self._binding = window.session, window.binding
        self._images = images
        self._chance = random.Random(seed)
        self.actions = 0
        self.wrong: list[str] = []
        self._session.failed.connect(lambda error: self.wrong.append(str(error)))
        sys.excepthook = self._on_exception
        log = logging.Handler(logging.ERROR)
        log.emit = lambda record: self.wrong.append(record.getMessage())  # type: ignore[method-assign]
        for name in (None, "vispy"):
            logging.getLogger(name).addHandler(log)

    @property
    def drawing(self) -> "Sequence[Callable[[], None]]":
        """Actions that change annotations."""
        return self._paint, self._undo, self._redo, self._add_class, self._complete

    def open(self, number: int) -> None:
        """Open the next image."""
        path = self._images[number % len(self._images)]
        self._do(lambda: self._window.opening.open_path(path))
        self._until(lambda: self._session.state.image is not None and self._session.state.image.source == path)

    def change(self, number: int) -> None:
        """Open the next image, do every action in some order, and leave the brush in hand."""
        self.open(number)
        acts = [self._predict, self._turn, self._scroll, self._hide, self._move_threshold, self._show_conflicts]
        acts += [*self.drawing, self._undo]
        self._chance.shuffle(acts)
        for act in acts:
            act()
        self._forget_added_classes()
        self._paint()

    def _do(self, action: Callable[[], object]) -> None:
        action()
        self.actions += 1
        rest(self._chance.choice((0.0, 0.03, 0.12)))

    def _class(self, known: bool = False) -> ClassId:
        """A random class, or a random class of the model."""
        state = self._session.state
        return self._chance.choice([i for i in state.classes.ids if not known or state.can_predict(i)])

    def _predict(self) -> None:
        class_id = self._class(known=True)
        self._session.classes.choose(class_id)
        self._do(lambda: self._session.predictions.start([class_id], self._binding.near()))
        end = time.monotonic() + self._chance.uniform(0, _PREDICTING)
        until(lambda: self._session.jobs.current is None or time.monotonic() > end)
        self._session.jobs.cancel()

    def _paint(self) -> None:
        class_id = self._class()
        self._session.classes.choose(class_id)
        self._do(lambda: self._binding.begin_painting(class_id))
        for _ in range(2):
            self._do(self._stroke)

    def _stroke(self) -> None:
        """Draw with the left button, somewhere about the middle of the canvas."""
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        canvas = self._window.canvas.widget.canvas.native
        middle = canvas.rect().center()
        at = middle + QPoint(self._chance.randint(-80, 80), self._chance.randint(-80, 80))
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QTest.mouseMove(canvas, at)
        QTest.mousePress(canvas, left, none, at)
        for step in range(1, 6):
            QTest.mouseMove(canvas, at + QPoint(6 * step, 3 * step))
        QTest.mouseRelease(canvas, left, none, at + QPoint(30, 15))

    def _add_class(self) -> None:
        name = f"added {self.actions}"
        self._do(lambda: self._session.classes.add(name))
        self._do(lambda: self._binding.begin_painting(self._session.state.classes[name].id))
        self._do(self._stroke)

    def _forget_added_classes(self) -> None:
        for class_id in [entry.id for entry in self._session.state.classes if entry.name.startswith("added ")]:
            self._do(lambda class_id=class_id: self._session.classes.remove(class_id))  # type: ignore[misc]

    def _undo(self) -> None:
        self._do(self._window.binding.painting.undo)

    def _redo(self) -> None:
        self._do(self._window.binding.painting.redo)

    def _turn(self) -> None:
        self._do(self._window.binding.volume_view.turn)
        self._do(self._window.binding.volume_view.turn)

    def _scroll(self) -> None:
        dims = self._window.canvas.model.dims
        self._do(lambda: dims.set_current_step(0, self._chance.randrange(int(dims.nsteps[0]))))

    def _complete(self) -> None:
        self._do(self._binding.complete_slice)

    def _hide(self) -> None:
        class_id = self._class()
        self._do(lambda: self._session.classes.set_hidden(class_id, class_id not in self._session.state.hidden))

    def _move_threshold(self) -> None:
        class_id = self._class()
        self._do(lambda: self._session.classes.set_threshold(class_id, self._chance.random()))

    def _show_conflicts(self) -> None:
        self._do(lambda: self._session.classes.show_conflicts(not self._session.state.shows_conflicts))

    def _until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE
        until(lambda: condition() or time.monotonic() > end)
        if not condition():
            self.wrong.append("it took too long")

    def _on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self.wrong.append(f"{kind.__name__}: {error}")
        sys.__excepthook__(kind, error, trace)
