"""The panel: the same in napari's dock and at the right of the app."""

import logging
from typing import Literal

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeyEvent, QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QTabWidget, QWidget

from condseg_app.data import ClassId
from condseg_app.errors import CondsegError
from condseg_app.qt.classes_page import ClassesPage
from condseg_app.qt.connections import Connections, soon
from condseg_app.qt.every_move import EveryMove
from condseg_app.qt.export_page import ExportPage
from condseg_app.qt.graphics import draws_in_software, keep_own_context, release_replaced_views
from condseg_app.qt.header import Header
from condseg_app.qt.job_line import DeviceLine, JobLine
from condseg_app.qt.keyboard import Keyboard
from condseg_app.qt.layout import column
from condseg_app.qt.leftovers import Leftovers
from condseg_app.qt.problem import ProblemDialog, RecentLog
from condseg_app.qt.ready_brush import ReadyBrush
from condseg_app.qt.style import named
from condseg_app.qt.teach_page import TeachPage
from condseg_app.qt.turning import Turning
from condseg_app.session import Session
from condseg_app.viewer import LayerBinding
from condseg_app.viewer.keys import ViewerKeys
from condseg_app.viewer.reduced import MOST_VOXELS_IN_SOFTWARE

_FRAME_MS = 50
_TAKE_IN_EVERY_MS, _TAKE_IN_SECONDS = 20, 0.01
"""Pace of results: whatever the engine's pace, half of the time is left for the user."""
Page = Literal["classes", "teach", "export"]
MINIMUM_WIDTH = 288


class Panel(QWidget):
    """Header, three pages, job line and device line, over a session and its binding to a viewer."""

    def __init__(self, binding: LayerBinding, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.binding = binding
        self.session: Session = binding.session
        self.log = RecentLog()
        logging.getLogger("condseg_app").addHandler(self.log)
        self.setObjectName("condseg_panel")
        self.setMinimumWidth(MINIMUM_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)  # or napari pads docks below
        self._build()
        self.keyboard = Keyboard(self, self.session)
        self.keyboard.bind(self.pages)
        self._connect()
        self._start_timers()
        keep_own_context(binding.viewer)
        release_replaced_views(binding.viewer)
        self.turning = Turning(binding.viewer, binding.volume_view.turn)
        self._leftovers = Leftovers(binding.viewer, self)
        self.moves = EveryMove(binding.viewer, binding.annotation, self)
        self.brush = ReadyBrush(binding, self)
        if draws_in_software():
            binding.reduced.most_voxels = MOST_VOXELS_IN_SOFTWARE

    def _build(self) -> None:
        self.header = Header(self.session)
        self.classes = ClassesPage(self.binding)
        self.teach = TeachPage(self.binding)
        self.export = ExportPage(self.session)
        self.pages = named(QTabWidget(), "pages")
        self.pages.setDocumentMode(True)
        self.pages.tabBar().setDrawBase(False)
        self._areas: dict[Page, QScrollArea] = {
            "classes": _scrolled(self.classes),
            "teach": _scrolled(self.teach),
            "export": _scrolled(self.export),
        }
        for page, area in self._areas.items():
            self.pages.addTab(area, page.capitalize())
        self.job = JobLine(self.session)
        self.device = DeviceLine(self.session)
        column(self.header, (self.pages, 1), self.job, self.device, on=self, margins=(8, 6, 8, 6), spacing=6)

    def _connect(self) -> None:
        self._connections = Connections(self)
        self.classes.lesson_asked.connect(self.show_teach)
        self.classes.export_asked.connect(self.show_export)
        self._connections.to(self.session.lessons.ended, self._show_result)
        self._connections.to(self.session.failed, self.show_problem)
        get_ready = self.session.predictions.get_ready
        opened = self.session.images.changed, self.session.models.changed
        self._connections.each(lambda: soon(self, get_ready), *opened)
        self.keys = ViewerKeys(
            self.binding.viewer,
            {
                "complete_slice": self.teach.complete_slice,
                "complete_volume": self.teach.complete_volume,
                "next_class": lambda: self._step(1),
                "previous_class": lambda: self._step(-1),
                "ask": self.classes.predict.click,
                "correct": self.classes.correct_button.click,
                "hide": self._hide,
                **self.classes.tools.by_key(),
            },
        )

    def _start_timers(self) -> None:
        for interval, do in (
            (_TAKE_IN_EVERY_MS, lambda: self.session.take_in(_TAKE_IN_SECONDS)),
            (_FRAME_MS, self.binding.flush),
        ):
            timer = QTimer(self)
            timer.setInterval(interval)
            timer.timeout.connect(do)
            timer.start()

    @property
    def page(self) -> str:
        """The key of the page in view."""
        return next(page for page, area in self._areas.items() if area is self.pages.currentWidget())

    def show_page(self, page: Page) -> None:
        """Turn to a page."""
        self.pages.setCurrentWidget(self._areas[page])

    def show_teach(self, class_id: ClassId) -> None:
        """Turn to the page for teaching a class."""
        self.session.classes.choose(class_id)
        self.show_page("teach")

    def show_export(self, class_id: ClassId) -> None:
        """Turn to the page for exporting a class."""
        self.export.classes.choose_only(class_id)
        self.show_page("export")

    def _show_result(self, result: object) -> None:
        """Bring a lesson's changes into view, once the layout is done."""
        del result
        soon(self, lambda: self._areas["teach"].ensureWidgetVisible(self.teach.outcome.accept))

    def show_problem(self, error: CondsegError) -> None:
        """Show an error; an older message makes room."""
        for older in self.findChildren(ProblemDialog):
            older.close()
        ProblemDialog(error, self.log, self).show()

    def shut(self) -> None:
        """Keep the painting, remove the panel's layers, and close viewer binding and session. Touch nothing of Qt."""
        self.keys.release()
        self.turning.release()
        self._leftovers.close()
        self._connections.end()
        self.binding.close()
        logging.getLogger("condseg_app").removeHandler(self.log)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Listen to Esc in the window that the panel is in."""
        super().showEvent(event)
        self.keyboard.listen()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """The viewer's keys work in the panel, too."""
        self.keyboard.pass_on(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """As for the press."""
        self.keyboard.pass_on(event)

    def _step(self, by: int) -> None:
        classes, current = self.session.state.classes.ids, self.session.state.current_class
        if classes:
            row = classes.index(current) + by if current is not None else 0
            self.session.classes.choose(classes[row % len(classes)])

    def _hide(self) -> None:
        current = self.session.state.current_class
        if current is not None:
            self.session.classes.set_hidden(current, current not in self.session.state.hidden)


def _scrolled(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area
