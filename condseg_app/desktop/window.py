"""The app's window: napari's viewer in the middle, the panel at the right."""

from pathlib import Path

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QResizeEvent
from qtpy.QtWidgets import QDockWidget, QMainWindow, QSizePolicy, QStackedWidget

from condseg_app.data import TeachingMode
from condseg_app.desktop.canvas import Canvas
from condseg_app.desktop.help_menu import help_menu
from condseg_app.desktop.layer_docks import LayerDocks, fitted
from condseg_app.desktop.menus import SEPARATOR, Entry, Submenu, build
from condseg_app.desktop.opening import Opening
from condseg_app.desktop.project_dialogs import ProjectDialogs
from condseg_app.desktop.welcome import WelcomePage
from condseg_app.io.choices import EVERYTHING
from condseg_app.qt import Panel
from condseg_app.qt.connections import Connections, soon
from condseg_app.qt.engine_dialog import ask_where_to_compute
from condseg_app.qt.focus_ring import FocusRing
from condseg_app.qt.leaving import Leaving
from condseg_app.qt.style import PlainLabel, named
from condseg_app.qt.text import as_it_is, file_text, without_mnemonic
from condseg_app.session import Session
from condseg_app.session.may import Action, why_not
from condseg_app.session.settings import Settings, Theme, load_settings, save_settings
from condseg_app.viewer import LayerBinding
from condseg_app.viewer.readout import readout
from condseg_app.viewer.samples import SAMPLES

_RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
_SAVE = "Annotations, complete predictions, classes and display; images and models by reference"
_CHECK = "For files from untrusted sources: each is first read in a separate process, with limited memory and time"
_OF_IMAGE: tuple[Action, ...] = ("in_3d", "close_image", "choose_again")
_THEMES: tuple[tuple[Theme, str], ...] = (("dark", "Dark"), ("light", "Light"), ("system", "As the system"))


class MainWindow(QMainWindow):
    """File, edit, view and help around a session.

    Args:
        session: the session; closed with the window.
        settings: the remembered settings.
        settings_file: file of the settings; None remembers nothing.
    """

    tour_asked = Signal()

    def __init__(self, session: Session, settings: Settings, settings_file: Path | None) -> None:
        super().__init__()
        self.session = session
        self.settings = settings
        self._settings_file = settings_file
        self.ask_before_closing = True
        self.setObjectName("condseg_window")
        self.setWindowTitle("CondSeg")
        self.resize(fitted(QSize(settings.width, settings.height), self))
        self.canvas = Canvas(self)
        self.binding = LayerBinding(session, self.canvas.model)
        self.panel = Panel(self.binding)
        self._lay_out()
        self.projects = ProjectDialogs(session, settings, self, self.binding.painting.collect)
        self.opening = Opening(session, settings, self, self.under_mouse.setText, self.projects)
        self._focus_ring = FocusRing(self)
        helping = help_menu(self, session, self.panel.log, self.take_tour)
        self._actions, self._menus = build(self, (self._file_menu(), self._edit_menu(), self._view_menu(), helping))
        self._leaving = Leaving(session, self, self.close, self.binding.painting.collect)
        self._connect()
        self.panel.teach.choose_mode(settings.teaching)
        session.images.check_files(settings.check_files)
        self.set_theme(settings.theme)
        self._show_recent()
        self._follow_image()
        self._show_image()

    def _lay_out(self) -> None:
        self.welcome = WelcomePage()
        self.middle = QStackedWidget()
        self.middle.addWidget(self.welcome)
        self.middle.addWidget(self.canvas.widget)
        self.setCentralWidget(self.middle)
        self.panel_dock = named(QDockWidget("CondSeg"), "panel_dock")
        self.panel_dock.setWidget(self.panel)
        self.panel_dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        self.addDockWidget(_RIGHT, self.panel_dock)
        self.resizeDocks([self.panel_dock], [340], Qt.Orientation.Horizontal)
        self.layer_docks = LayerDocks(self, self.canvas.docks, self.panel_dock)
        self.under_mouse = named(PlainLabel(), "under_mouse")
        self.under_mouse.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self.statusBar().addWidget(self.under_mouse, 1)
        self.statusBar().setSizeGripEnabled(False)

    def _file_menu(self) -> Submenu:
        opening = self.opening
        samples = tuple(Entry(f"sample_{s.key}", s.title, lambda s=s: opening.open_sample(s)) for s in SAMPLES)  # type: ignore[misc]
        return Submenu("file", "&File", (
            Entry("open", "&Open…", opening.ask_for_image, "Ctrl+O"),
            Entry("open_folder", "Open &folder…", opening.ask_for_folder, "Ctrl+Shift+O", hint="DICOM or OME-Zarr"),
            Submenu("samples", "Open &sample", samples),
            Submenu("recent", "Open &recent"),
            Entry("open_project", "Open pro&ject…", self.projects.ask_for_project),
            Entry("open_model", "Open &model…", self.panel.header.model.open_file, "Ctrl+M"),
            Entry("import_class", "&Import class…", self.panel.classes.table.files.ask_to_import),
            SEPARATOR,
            Entry("save", "&Save project", self.projects.save, "Ctrl+S", hint=_SAVE),
            Entry("save_as", "Save project &as…", self.projects.save_as, "Ctrl+Shift+S"),
            Entry("export", "&Export…", lambda: self.panel.show_page("export"), "Ctrl+Shift+E"),
            Entry("check_files", "Chec&k files before opening", self.toggle_check, checkable=True, hint=_CHECK),
            Entry("choose_again", "Other se&ries, frame or channel…", self.session.images.choose_again),
            Entry("close_image", "&Close image", self.session.images.close, "Ctrl+W"),
            SEPARATOR,
            Entry("quit", "&Quit", self.close, "Ctrl+Q"),
        ))  # fmt: skip

    def _edit_menu(self) -> Submenu:
        painting = self.binding.painting
        return Submenu("edit", "&Edit", (
            Entry("undo", "&Undo", painting.undo, "Ctrl+Z", hint="Annotations and changes of the class table"),
            Entry("redo", "&Redo", painting.redo, "Ctrl+Shift+Z"),
            SEPARATOR,
            Entry("engine", "&Where to compute…", self.ask_where_to_compute, hint="Here or elsewhere"),
        ))  # fmt: skip

    def _view_menu(self) -> Submenu:
        themes = tuple(
            Entry(f"theme_{key}", text, lambda key=key: self.set_theme(key), checkable=True)  # type: ignore[misc]
            for key, text in _THEMES
        )
        return Submenu("view", "&View", (
            Submenu("theme", "&Theme", themes),
            SEPARATOR,
            Entry("in_3d", "In &3D", self.binding.volume_view.turn, "Ctrl+Y", checkable=True),
            Entry("fit", "&Fit to window", self.canvas.model.reset_view, "Ctrl+R"),
            SEPARATOR,
            Entry("show_layers", "&Layer list and controls", self.layer_docks.toggle, checkable=True),
            Entry("show_panel", "&CondSeg panel", self.toggle_panel, checkable=True),
            Entry("full_screen", "F&ull screen", self.toggle_full_screen, "F11", checkable=True),
        ))  # fmt: skip

    def _connect(self) -> None:
        self.welcome.open_asked.connect(self.opening.ask_for_image)
        self.welcome.sample_asked.connect(lambda: self.opening.open_sample(SAMPLES[0]))
        self.welcome.tour_asked.connect(self.take_tour)
        self.panel.device.change_asked.connect(self.ask_where_to_compute)
        self.panel.teach.mode_chosen.connect(self._remember_mode)
        connections = Connections(self)
        connections.to(self.session.images.changed, self._follow_image)
        connections.to(self.session.projects.changed, self._follow_project)
        connections.each(lambda _: self.under_mouse.setText(""), self.session.failed, self.session.notice)
        self.canvas.model.mouse_move_callbacks.append(self._on_mouse)
        self.canvas.model.dims.events.ndisplay.connect(self._show_checks)
        self._menus["view"].aboutToShow.connect(self._show_checks)
        self._menus["edit"].aboutToShow.connect(self._show_edits)

    # files

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Open dropped files."""
        self.opening.open_dropped([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def _show_recent(self) -> None:
        menu = self._menus["recent"]
        menu.clear()
        for path in self.settings.recent:
            pick = self.settings.picks.get(path, EVERYTHING)
            action = menu.addAction(without_mnemonic(file_text(path, pick)))
            action.setToolTip(as_it_is(str(path)))
            action.triggered.connect(lambda _=False, path=path, pick=pick: self.opening.open_path(path, pick))
        menu.setEnabled(bool(self.settings.recent))

    def toggle_check(self) -> None:
        """Read image files in a process of their own first, or not."""
        self.settings.check_files = not self.settings.check_files
        self.session.images.check_files(self.settings.check_files)
        self._show_checks()

    # edit

    def ask_where_to_compute(self) -> None:
        """Ask whether this computer or another computes."""
        ask_where_to_compute(self.session, self._settings_file, self)

    def _remember_mode(self, mode: TeachingMode) -> None:
        self.settings.teaching = mode

    # view

    def set_theme(self, theme: Theme) -> None:
        """Show the window dark, light, or as the system is."""
        self.settings.theme = theme
        self.setStyleSheet(self.canvas.set_theme(theme))
        self._show_checks()

    def toggle_panel(self) -> None:
        """Show or hide the panel."""
        self.panel_dock.setVisible(not self.panel_dock.isVisible())

    def toggle_full_screen(self) -> None:
        """Use all of the screen, or not."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _show_checks(self) -> None:
        checked = {
            "in_3d": self.canvas.model.dims.ndisplay == 3,
            "show_layers": self.layer_docks.are_shown,
            "show_panel": self.panel_dock.isVisible(),
            "full_screen": self.isFullScreen(),
            "check_files": self.session.state.checks_files,
            **{f"theme_{key}": key == self.settings.theme for key, _ in _THEMES},
        }
        for name, on in checked.items():
            self._actions[name].setChecked(on)

    def _show_edits(self) -> None:
        self._actions["undo"].setEnabled(self.session.can_undo)
        self._actions["redo"].setEnabled(self.session.can_redo)

    def take_tour(self) -> None:
        """Show the program's use on the sample."""
        soon(self, self.tour_asked.emit)

    # following the session

    def _follow_image(self) -> None:
        image = self.session.state.image
        if image is not None and image.source is not None and image.source not in {s.path for s in SAMPLES}:
            self.settings.opened(image.source.resolve(), image.pick)
            self._show_recent()
        self._follow_project()
        soon(self.canvas.widget, self._show_image)  # which draws the canvas, as long a work as making its layers
        for action in _OF_IMAGE:
            self._actions[action].setEnabled(why_not(self.session.state, action) is None)
        self.under_mouse.setText("")

    def _show_image(self) -> None:
        """Show the image with the panel, or the welcome page without an image."""
        has_image = self.session.state.image is not None
        page = self.canvas.widget if has_image else self.welcome
        self.panel_dock.setVisible(has_image)
        self.layer_docks.follow(has_image)
        self.middle.setCurrentWidget(page)  # last, as the canvas is drawn with each change of its size
        soon(self, self.canvas.model.reset_view)  # once the canvas has its size
        page.setFocus()  # or the panel's first control would have it

    def _follow_project(self) -> None:
        image, project = self.session.state.image, self.session.state.project
        names = ([image.name] if image else []) + ([f"{project.folder.stem}[*]"] if project else [])
        self.setWindowTitle(" – ".join([*names, "CondSeg"]))
        self.setWindowModified(self.session.projects.is_changed)
        if project is not None:
            self.settings.opened(project.folder)
            self._show_recent()

    def _on_mouse(self, viewer: object, event: object) -> None:
        del viewer
        position = getattr(event, "position", None)
        if position is not None:
            self.under_mouse.setText(readout(self.binding, tuple(position)))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Make room for the image."""
        super().resizeEvent(event)
        self.layer_docks.arrange()

    # the end

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Ask where work would be lost, then end everything."""
        if self.ask_before_closing and not self._leaving.may_close():
            event.ignore()
            return
        self.settings.width, self.settings.height = max(400, self.width()), max(300, self.height())
        if self._settings_file is not None:
            self.settings.compute_at(load_settings(self._settings_file).place)  # written at the choice
            save_settings(self.settings, self._settings_file)
        self.panel.shut()
        self.canvas.close()
        self.session.close()
        super().closeEvent(event)
