"""Starting and ending the app."""

import argparse
import gc
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from condseg_app.log import start_log
from condseg_app.memory import give_large_blocks_back

if TYPE_CHECKING:
    from condseg_app.desktop.window import MainWindow
    from condseg_app.session import Session


def main(argv: Sequence[str] = ()) -> int:
    """Open the window; with `--tour DIR` take the tour instead and end.

    Args:
        argv: [FILE] [--model NAME] [--tour DIR [--image FILE]].

    Returns:
        0, or 1 where the tour met a problem.
    """
    arguments = _parser().parse_args(list(argv))
    give_large_blocks_back()
    choose_how_to_draw()
    start_log()
    from napari.qt import get_qapp

    application = get_qapp()
    application.setApplicationName("CondSeg")
    application.setApplicationDisplayName("")
    window = _window(arguments.tour)
    window.show()
    spare_collector(window.session)
    image = arguments.image or arguments.file
    if arguments.tour is not None:
        return _tour(window, image, arguments.model, arguments.tour)
    if image is not None:
        window.opening.open_path(image)
    if arguments.model is not None:
        window.session.models.open(arguments.model)
    window.session.projects.find_kept()
    window.session.computing.find_device()
    return int(application.exec())


def spare_collector(session: "Session") -> None:
    """Keep the garbage collector from what is loaded now, and with the engine, which loads a fifth as much again.

    napari collects garbage whenever a layer goes; looking through all that takes a quarter second.
    """
    gc.freeze()
    session.computing.changed.connect(gc.freeze)


def choose_how_to_draw() -> None:
    """Set the variables that Qt and Mesa read when loaded."""
    os.environ["QT_API"] = "pyside6"  # another binding may be installed, too
    # Without a graphics card Mesa draws with a thread per core; the parts of the window take unequally long, and with
    # another thread two cores drew the window in 17 to 25 ms instead of 25 to 28.
    os.environ.setdefault("LP_NUM_THREADS", str((os.cpu_count() or 1) + 1))


class _Parser(argparse.ArgumentParser):
    """Reports errors in a sentence, as the other commands do."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"condseg: {message}; see condseg app --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="condseg app", description="Open the window.")
    parser.add_argument("file", nargs="?", type=Path, help="image or project to open")
    parser.add_argument("--image", type=Path, help="image to open, or to take the tour on")
    parser.add_argument("--model", help="model's name or file")
    parser.add_argument(
        "--tour", type=Path, metavar="DIR", help="take the tour by itself; screenshots and masks go here"
    )
    return parser


def _window(tour: Path | None) -> "MainWindow":
    """The window; in a tour by itself, remembers nothing and leaves taught models in the tour's folder."""
    from condseg_app.desktop.crash import catch_all
    from condseg_app.desktop.guide import guide
    from condseg_app.desktop.window import MainWindow
    from condseg_app.remote import Engine
    from condseg_app.session import Session
    from condseg_app.session.settings import Settings, chosen_place, journals_folder, load_settings, settings_path

    settings_file, taught = (None, tour / "models") if tour is not None else (settings_path(), None)
    settings = Settings() if settings_file is None else load_settings(settings_file)
    session = Session(Engine.at(chosen_place(settings)), taught, None if tour is not None else journals_folder())
    window = MainWindow(session, settings, settings_file)
    window.tour_asked.connect(lambda: guide(window))
    catch_all(window.panel.show_problem)
    return window


def _tour(window: "MainWindow", image: Path | None, model: str | None, output: Path) -> int:
    from condseg_app.desktop.tour import Tour
    from condseg_app.desktop.tour_steps import TourSteps

    console = logging.StreamHandler(sys.stdout)
    console.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("condseg_app.desktop")
    logger.addHandler(console)
    logger.setLevel(logging.INFO)
    window.ask_before_closing = False
    tour = Tour(window, output)
    report = tour.take(TourSteps(tour).all(image, model))
    if report.problem is not None:
        logger.error("The tour ended early: %s", report.problem)
    else:
        logger.info("Pictures: %s", ", ".join(str(path) for path in report.screenshots))
        logger.info("Masks: %s", ", ".join(str(path) for path in report.files))
    window.close()
    return 0 if report.problem is None else 1
