"""Strokes lost by `kill -9`: the real window is killed again and again, and the next window restores the work.

Each round a window starts, restores what the window before left (by a click on *Restore*), and is used: strokes with
the mouse, undo, redo, completed slices, added classes, other images, exports, a lesson begun. After every action the
window tells what is annotated. The window is killed at a random moment, one in five in the middle of
restoring. `lost_strokes` counts the rounds after which the restored work is older than two seconds before the kill, or
was not offered, or could not be opened.

    make bench ONLY=lost_strokes
"""

import hashlib
import json
import queue
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from harness.report import DATA, report
from harness.window import lived, need_a_screen, until

if TYPE_CHECKING:
    from condseg_app.desktop.window import MainWindow

MODEL = "hippocampus"
_PROMISED = 2.0  # seconds
_LONGEST = 9.0  # seconds of use
_EARLY, _RESTORING_TAKES = 0.2, 3.0
"""Share of the windows that are killed within so many seconds of the start, maybe while they restore."""
_STARTING_TAKES = 120.0
_NOTHING = hashlib.sha256().hexdigest()


def main(
    kills: Annotated[int, typer.Option(help="of the window")] = 300,
    data: Annotated[Path, typer.Option()] = DATA / "hippocampus" / "imagesTr",
    seed: Annotated[int, typer.Option()] = 0,
    use_in: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Kill the window so many times."""
    need_a_screen()
    if use_in is not None:
        use(data, use_in, seed)
        return
    with TemporaryDirectory() as folder:
        rounds = Rounds(data, Path(folder), random.Random(seed))
        for number in range(kills):
            rounds.play(seed * kills + number)
            sys.stderr.write(f"\r{number + 1} of {kills}, lost {len(rounds.lost)}")
        rounds.play(seed * kills + kills, kills=False)
    sys.stderr.write("\n" + "\n".join(rounds.lost) + "\n")
    report(
        "lost_strokes",
        len(rounds.lost),
        "kills that lost more than two seconds",
        "0",
        kills=kills,
        restored=rounds.restored,
        actions=rounds.actions,
    )


@dataclass
class Rounds:
    """Windows one after the other, each killed.

    Attributes:
        acceptable: what the next window may restore: the work of each of the last two seconds.
        lost: a sentence for each loss.
        restored: windows that restored work.
        actions: in all windows.
    """

    data: Path
    folder: Path
    chance: random.Random
    acceptable: set[str] = field(default_factory=lambda: {_NOTHING})
    lost: list[str] = field(default_factory=list)
    restored: int = 0
    actions: int = 0

    def play(self, seed: int, *, kills: bool = True) -> None:
        """Start a window, compare what it restores, use it and kill it; `kills` False ends it after restoring."""
        command = [sys.executable, __file__, "--data", str(self.data), "--seed", str(seed)]
        command += ["--use-in", str(self.folder)]
        window = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines: queue.Queue[dict[str, str]] = queue.Queue()
        threading.Thread(target=_read, args=(window, lines), daemon=True).start()
        told: list[tuple[float, str]] = []
        try:
            if self._next(lines, _STARTING_TAKES)["is"] != "started":
                raise SystemExit("the window did not start")
            is_early = kills and self.chance.random() < _EARLY
            end = time.monotonic() + (self.chance.uniform(0, _RESTORING_TAKES) if is_early else _STARTING_TAKES)
            while (left := end - time.monotonic()) > 0:
                line = self._next(lines, left)
                if line["is"] == "restored":
                    self._compare(line["work"], seed)
                    end = min(end, time.monotonic() + self.chance.uniform(0, _LONGEST))
                if line["is"] in ("restored", "done"):
                    told.append((time.monotonic(), line["work"]))
                if line["is"] == "restored" and not kills:
                    break
        finally:
            window.kill()
            window.wait()
        self._remember(told, time.monotonic())

    def _compare(self, work: str, seed: int) -> None:
        self.restored += work != _NOTHING
        if work not in self.acceptable:
            self.lost.append(f"round {seed}: older work, or none, was restored")

    def _remember(self, told: list[tuple[float, str]], killed: float) -> None:
        if not told:
            return  # killed before the work was restored: the next window has the same to restore
        self.actions += len(told) - 1
        before = [work for at, work in told if at <= killed - _PROMISED] or [told[0][1]]
        after = {work for at, work in told if at > killed - _PROMISED}
        self.acceptable = {before[-1]} | after

    def _next(self, lines: "queue.Queue[dict[str, str]]", seconds: float) -> dict[str, str]:
        try:
            return lines.get(timeout=max(0.001, seconds))
        except queue.Empty:
            return {"is": "silence"}


def _read(window: "subprocess.Popen[str]", lines: "queue.Queue[dict[str, str]]") -> None:
    for line in window.stdout or ():
        if line.startswith("{"):
            lines.put(json.loads(line))


def use(data: Path, folder: Path, seed: int) -> None:
    """Use a window that will be killed: restore, then act until the end."""
    from harness.soak import Soak
    from qtpy.QtWidgets import QMessageBox, QPushButton

    images = sorted(data.glob("*.nii.gz"))[:3]
    asked: list[object] = []
    with lived(folder / "models", journals=folder / "journals") as window:
        session = window.session
        session.projects.kept_found.connect(asked.append)
        say("started")
        session.projects.find_kept()
        session.wait(60)
        if asked:
            buttons = [b for box in window.findChildren(QMessageBox) for b in box.findChildren(QPushButton)]
            next(b for b in buttons if b.text() == "Restore").click()
            until(lambda: session.state.image is not None)
            session.wait(60)
        say("restored", window)
        if session.state.image is None:
            window.opening.open_path(images[0])
            until(lambda: session.state.image is not None)
            session.models.open(MODEL)
            session.wait(60)
        soak = Soak(window, images, seed)
        chance = random.Random(seed)
        session.annotations.changed.connect(lambda _: say("done", window))
        session.images.changed.connect(lambda: say("done", window))
        acts: list[Callable[[], None]] = [*soak.drawing, lambda: teach(window), lambda: export(window, folder)]
        acts.append(lambda: soak.open(chance.randrange(3)))
        while True:
            chance.choice(acts)()


def teach(window: "MainWindow") -> None:
    """Begin a lesson of an annotated class, or end it."""
    session = window.session
    annotated = [i for i, a in session.state.annotations.items() if a.state == "present"]
    if session.state.is_teaching or not annotated:
        session.jobs.cancel()
    else:
        session.lessons.start(annotated[0])


def export(window: "MainWindow", folder: Path) -> None:
    """Write all masks."""
    if window.session.state.annotations:
        window.session.exports.start(folder / "masks.nii.gz", "nifti")


def say(what: str, window: "MainWindow | None" = None) -> None:
    """Tell the parent what was done, and what is annotated by now."""
    line = {"is": what, "work": "" if window is None else _work_of(window)}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _work_of(window: "MainWindow") -> str:
    """A hash of all annotations on all images."""
    from condseg_app.data import EVERYWHERE

    state, digest = window.session.state, hashlib.sha256()
    annotated = {other.image.name: other.annotations for other in state.elsewhere.values()}
    if state.image is not None:
        annotated[state.image.name] = state.annotations
    for name in sorted(annotated):
        for class_id, annotation in sorted(annotated[name].items()):
            if annotation.decided:
                digest.update(f"{name} {class_id}".encode())
                digest.update(annotation.read(EVERYWHERE).tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    typer.run(main)
