"""A class taught by a simulated annotator, over the same network trained with all labels of all volumes.

One class is left out when the base model is trained. Then a simulated annotator (`harness/annotator.py`) opens
volumes of the training part, looks at the prediction, paints the worst of the slices it looks at, and so on: at most
nine slices in three volumes, while the class's row is learnt (`mode exact`). The minutes are those of learning plus
those of painting, at five seconds a slice and three a stroke. The figure is the lowest over the classes of: Dice on
the test volumes, divided by that of the same network trained from the start with dense labels of every training
volume. Models are trained when they are not there yet (a quarter of an hour of one core each).

    make bench ONLY=teach_ratio
"""

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import numpy as np
import typer
from harness.annotator import Annotator
from harness.models import trained
from harness.report import DATA, ROOT, report
from numpy.typing import NDArray

from condseg_app.data import Image, Model, Split, as_level, dice
from condseg_app.engine.exact import ExactTeacher, certify
from condseg_app.engine.learner import ExactRecipe
from condseg_app.engine.predict import predict_whole
from condseg_app.engine.predictor import Predictor
from condseg_app.io import read_case, read_data_set

ALL = ("spleen", "right_kidney", "left_kidney", "liver", "stomach", "aorta", "inferior_vena_cava", "pancreas")
_STEPS = 2200
_POOL = 6  # volumes that the annotator may open
Marked = tuple[Image, NDArray[np.bool_]]


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    models: Annotated[Path, typer.Option(help="where models are kept between runs")] = ROOT / "build" / "teach",
    classes: Annotated[str, typer.Option()] = "liver,inferior_vena_cava,pancreas",
    slices: Annotated[int, typer.Option()] = 9,
    seconds: Annotated[float, typer.Option(help="of learning after each painted slice")] = 40.0,
    held_back: Annotated[str, typer.Option("--split", help="where the Dice is read")] = "test",
) -> None:
    """Measure class after class."""
    reference = trained(models / "all.safetensors", data, ALL, _STEPS)
    rows: list[dict[str, object]] = []
    ratios: list[float] = []
    for name in classes.split(","):
        base = trained(models / f"no_{name}.safetensors", data, [n for n in ALL if n != name], _STEPS)
        volumes = marked(data, "train", name)[:_POOL]
        held = marked(data, cast("Split", held_back), name)
        dense = mean_dice(reference, held, name)
        after, lesson = taught(base, volumes, name, slices, seconds)
        found = mean_dice(after, held, name)
        proof = certify(base, after, [held[0][0]])
        ratios.append(found / max(dense, 1e-6))
        rows.append({"class": name, "dense": dense, "taught": found, "certificate": proof.holds, **lesson})
        sys.stderr.write(f"{rows[-1]}\n")
    report("teach_ratio", min(ratios), "times", ">= 0.9", rows=rows)


def taught(
    base: Model, volumes: Sequence[Marked], name: str, slices: int, seconds: float
) -> tuple[Model, dict[str, object]]:
    """Teach the class with the annotator; the model, and how it went."""
    person = Annotator(name, [image for image, _ in volumes], [mask for _, mask in volumes])
    person.paint(0, int(np.argmax(person.truth[0].sum(axis=(0, 1)))))
    teacher = ExactTeacher(base, base.classes.propose(name), person.shown(), 10**6, ExactRecipe(folds=0))
    learning = learn(teacher, seconds)
    while person.slices < slices:
        person.paint(*worst_slice(teacher.model(), person))
        teacher.show(person.shown())
        learning += learn(teacher, seconds)
    learning += learn(teacher, 2 * seconds)
    return teacher.model(), {
        "minutes": round((learning + person.seconds) / 60, 2),
        "volumes": len(person.painted),
        "steps": teacher.progress.step,
        "began_as": teacher.beginning.classes,
    }


def learn(teacher: ExactTeacher, seconds: float) -> float:
    """Learn for so long; returns how long it was."""
    started = time.perf_counter()
    while time.perf_counter() < started + seconds:
        teacher.advance(2.0)
    return time.perf_counter() - started


def worst_slice(model: Model, person: Annotator) -> tuple[int, int]:
    """The slice that the annotator finds worst: the one with most wrong pixels of those that it looks at."""
    wrong = {}
    candidates = person.candidates()
    for index in {index for index, _ in candidates}:
        predictor = Predictor(model, person.images[index])
        for plane in [p for i, p in candidates if i == index]:
            found = slice_of(predictor, plane, person.name)
            wrong[index, plane] = int((found != person.truth[index][:, :, plane]).sum())
    return max(wrong, key=lambda place: wrong[place])


def slice_of(predictor: Predictor, plane: int, name: str) -> NDArray[np.bool_]:
    """One slice of the prediction, (I, J), from the windows that lie in it."""
    levels = np.zeros(predictor.shape[:2], np.uint8)
    for window in range(predictor.windows):
        i, j, k = predictor.region(window)
        if k.start <= plane < k.stop:
            block = predictor.segment(window, [name])
            levels[i, j] = block.probabilities[name][:, :, plane - k.start]
    predictor.finish([name])
    return levels >= as_level(0.5)


def mean_dice(model: Model, held: Sequence[Marked], name: str) -> float:
    """Of whole volumes."""
    masks = [predict_whole(model, image, [name]).mask(name) for image, _ in held]
    return round(statistics.mean(dice(found, true) for found, (_, true) in zip(masks, held, strict=True)), 4)


def marked(data: Path, split: Split, name: str) -> list[Marked]:
    """Images with a class's mask."""
    data_set = read_data_set(data)
    found = []
    for case in data_set.part(split).cases:
        image, annotations = read_case(case, data_set.classes)
        found.append((image, next(a.mask for a in annotations if a.class_name == name)))
    return found


if __name__ == "__main__":
    typer.run(main)
