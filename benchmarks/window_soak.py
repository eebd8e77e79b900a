"""Survival of the window through a day's work: exceptions, crashes, and growth of memory.

The app's own window on a screen (a virtual screen if there is none), in a separate process so that a crash is seen,
the engine in another; real volumes and a shipped model. So many times another image is opened, and each time every
action is done in an order that chance decides: strokes of the brush, predictions of which some are cancelled, classes
added and removed, undo, redo, 3D and back, other slices, thresholds, hidden classes; the next image is opened with the
brush in hand. A window that ends is counted and started again for the images that are left. `window_soak` counts
exceptions, errors in the log, commands that failed and windows that ended. Besides: the growth of the resident memory
in per cent over 1,000 actions: the median slope over all pairs of changes in the second half.

    make bench ONLY=window_soak
"""

import json
import statistics
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from harness.report import DATA, report
from harness.window import lived, need_a_screen, until

MODEL = "hippocampus"
_IMAGES = 4


def main(
    changes: Annotated[int, typer.Option(help="of the image")] = 200,
    data: Annotated[Path, typer.Option()] = DATA / "hippocampus" / "imagesTr",
    begin: Annotated[int, typer.Option(hidden=True)] = -1,
) -> None:
    """Use the window for so many changes of the image."""
    need_a_screen()
    if begin >= 0:
        use(data, begin, changes)
        return
    found: list[dict[str, float]] = []
    wrong: list[str] = []
    crashes = 0
    while len(found) < changes:
        command = [sys.executable, __file__, "--changes", str(changes), "--data", str(data), "--begin", str(len(found))]
        window = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        lines = [json.loads(line) for line in window.stdout.splitlines() if line.startswith("{")]
        found += lines
        wrong += [text for line in lines for text in line["wrong"]]
        if window.returncode:
            crashes += 1
            found.append({"actions": 0, "megabytes": float("nan")})  # the change of the crash
    sys.stderr.write("\n".join(wrong))
    report(
        "window_soak",
        len(wrong) + crashes,
        "exceptions and crashes",
        "0",
        crashes=crashes,
        changes=changes,
        actions=round(sum(line["actions"] for line in found)),
        growth_percent_per_1000_actions=growth(found) if crashes == 0 else None,
        megabytes=found[-1]["megabytes"],
    )


def growth(found: list[dict[str, float]]) -> float:
    """Median slope of the memory over the second half, in per cent for 1,000 actions."""
    total, points = 0.0, []
    for line in found:
        total += line["actions"]
        points.append((total, line["megabytes"]))
    half = points[len(points) // 2 :]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(half, 2)]
    return round(100 * 1000 * statistics.median(slopes) / statistics.median(m for _, m in half), 2) if slopes else 0.0


def use(data: Path, begin: int, changes: int) -> None:
    """The window's own process: a line for each change, with the failures."""
    import psutil
    from harness.soak import Soak

    images = sorted(data.glob("*.nii.gz"))[:_IMAGES]
    with TemporaryDirectory() as folder, lived(Path(folder)) as window:
        window.session.images.open(images[0], MODEL)
        until(lambda: window.session.state.image is not None)
        soak = Soak(window, images, seed=begin)
        for number in range(begin, changes):
            before, told = soak.actions, len(soak.wrong)
            soak.change(number)
            line = {
                "actions": soak.actions - before,
                "megabytes": round(psutil.Process().memory_info().rss / 1e6, 2),
                "wrong": soak.wrong[told:],
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    typer.run(main)
