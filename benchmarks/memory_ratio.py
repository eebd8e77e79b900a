"""Peak memory of predicting 117 classes over that of a single class, from a real CT to a label map.

Each run is a separate process, whose peak the system knows. The classes are those of a shipped model, with rows
repeated up to 117, so that each class is in an organ's place, and not everywhere as with untaught weights.

    make bench ONLY=memory_ratio
"""

import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from harness.models import widened
from harness.report import DATA, report

from condseg_app.io import find_model, read_case, read_data_set, read_model


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    model: Annotated[str, typer.Option()] = "phantom_ct",
    classes: Annotated[int, typer.Option()] = 117,
    rounds: Annotated[int, typer.Option()] = 1,
    child: Annotated[bool, typer.Option("--child", help="predict once and print the peak in MB")] = False,
) -> None:
    """Measure on the data set's first test volume."""
    if child:
        sys.stdout.write(f"{peak(data, model, classes)}\n")
        return
    peaks: dict[int, list[float]] = {1: [], classes: []}
    for turn in range(rounds):
        for count in (1, classes) if turn % 2 == 0 else (classes, 1):
            command = [
                sys.executable,
                __file__,
                "--child",
                "--classes",
                str(count),
                "--data",
                str(data),
                "--model",
                model,
            ]
            peaks[count].append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    one, many = (statistics.median(found) for found in peaks.values())
    report("memory_ratio", many / one, "times", "<= 1.1", classes=classes, peak_mb=many, peak_mb_of_one=one)


def peak(data: Path, name: str, classes: int) -> float:
    """Peak memory of this process in megabytes, after a prediction."""
    from condseg_app.tasks.predict_image import Request, segment

    data_set = read_data_set(data)
    image, _ = read_case(data_set.part("test").cases[0], data_set.classes)
    model = widened(read_model(find_model(name)), classes)
    for _ in segment(image, Request(model, device="cpu")):
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    typer.run(main)
