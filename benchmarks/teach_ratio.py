"""A class taught by a simulated annotator, over the same network trained with all labels of all volumes.

A class is left out when the base model is trained: liver and inferior vena cava of eight organs in abdominal CT, the
posterior part of the hippocampus in MRI. Then a simulated annotator (`harness/annotator.py`) opens three volumes of the
training part, examines the prediction, paints the worst of the examined slices, and so on: nine slices, while the
class's row is learnt (`exact`). After that the mode `full` goes on from there with the same slices, and with the old
model as the teacher on these volumes and three more. Minutes are those of learning plus those of painting, at five
seconds a slice and three a stroke.

The figure is the lowest over the classes of: Dice of the `exact` class on the test volumes, divided by that of the same
network trained from the start with dense labels of every training volume. Besides: the same after `full`, and where
only the largest connected part is kept of both (`condseg predict --keep-largest NAME=1`), for each of these classes is
a single piece; the mean Dice of the old classes after over before, for both; and, from the same slices and in the same
time as `full`, fine-tuning without the old model (`naive`) and a separate network with fresh weights (`scratch`).
Missing models are trained first (a quarter of an hour of one core each).

    make bench ONLY=teach_ratio
"""

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import typer
from harness.annotator import Annotator
from harness.models import CT_INTENSITY, Course, trained
from harness.report import DATA, ROOT, report
from numpy.typing import NDArray

from condseg_app.data import TEACHING_STEPS, ClassTable, Image, Model, PostProcessing, Split, as_level, dice
from condseg_app.engine.finetune.exact import ExactTeacher, certify
from condseg_app.engine.finetune.full import FullTeacher, fine_tuning
from condseg_app.engine.finetune.learner import ExactRecipe
from condseg_app.engine.networks import add_class, new_model
from condseg_app.engine.predict.post_process import post_process
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.engine.train.losses import LossSettings
from condseg_app.engine.train.recipes import Recipe
from condseg_app.engine.train.trainer import Trainer
from condseg_app.io import read_case, read_data_set

_SLICES = 9
_FINISH = 500.0  # seconds of learning after the last slice
_PAINTED, _OPENED = 3, 6  # volumes: the first of the training part are painted, on more the old classes are kept
_NAIVE_RATE, _NAIVE_ROW_RATE = 4e-5, 0.01
# Steps that are surely not reached, where the clock ends a training.
_ENDLESS = 10**6
_NETWORK = ("--network=dense-2.5d", "--batch=8")
Held = list[tuple[Image, dict[str, NDArray[np.bool_]]]]


@dataclass(frozen=True)
class Subject:
    """A data set, and the training course for models of the set.

    Attributes:
        data: the data set's folder.
        classes: all classes of the model with dense labels.
        course: training course of the models with and without a class.
    """

    data: str
    classes: tuple[str, ...]
    course: Course


_ORGANS = ("spleen", "right_kidney", "left_kidney", "liver", "stomach", "aorta", "inferior_vena_cava", "pancreas")
_ABDOMEN = Subject("abdomen_ct", _ORGANS, Course(2200, 4, 96, (*_NETWORK, CT_INTENSITY)))
_HIPPOCAMPUS = Subject("hippocampus", ("Anterior", "Posterior"), Course(2200, 1, 64, _NETWORK))
TAUGHT = {"liver": _ABDOMEN, "inferior_vena_cava": _ABDOMEN, "Posterior": _HIPPOCAMPUS}


def main(
    data: Annotated[Path, typer.Option(help="where the data sets are")] = DATA,
    models: Annotated[Path, typer.Option(help="where models are kept between runs")] = ROOT / "build" / "teach",
    classes: Annotated[str, typer.Option()] = ",".join(TAUGHT),
    pause: Annotated[float, typer.Option(help="seconds of learning after each painted slice")] = 20.0,
    steps: Annotated[int, typer.Option(help="of the mode full")] = TEACHING_STEPS,
    held_back: Annotated[str, typer.Option("--split", help="where the Dice is read")] = "test",
) -> None:
    """Measure class after class."""
    rows = []
    for name in classes.split(","):
        rows.append(measured(name, data, models, pause, steps, cast("Split", held_back)))
        sys.stderr.write(f"{rows[-1]}\n")
    report(
        "teach_ratio",
        ratio(rows, "exact", "dense"),
        "times",
        ">= 0.9",
        full=ratio(rows, "full", "dense"),
        largest=ratio(rows, "exact_largest", "dense_largest"),
        full_largest=ratio(rows, "full_largest", "dense_largest"),
        slices=_SLICES,
        split=held_back,
        rows=rows,
    )


def ratio(rows: Sequence[dict[str, Any]], of: str, to: str) -> float:
    """The lowest of the classes."""
    return round(min(float(row[of]) / max(float(row[to]), 1e-6) for row in rows), 4)


def measured(name: str, data: Path, models: Path, pause: float, steps: int, split: Split) -> dict[str, Any]:
    """Teach a class in all ways, and measure."""
    subject = TAUGHT[name]
    folder, others = data / subject.data, [known for known in subject.classes if known != name]
    reference = trained(models / subject.data / "all.safetensors", folder, subject.classes, subject.course)
    base = trained(models / subject.data / f"no_{name}.safetensors", folder, others, subject.course)
    held, volumes = marked(folder, split), marked(folder, "train", _OPENED)
    images, truth = [image for image, _ in volumes], [masks[name] for _, masks in volumes]
    person = Annotator(name, images[:_PAINTED], truth[:_PAINTED])
    exact, minutes = taught_exactly(base, person, pause)
    full = FullTeacher(exact, exact.classes[name], person.shown(), steps, "cpu", images[_PAINTED:])
    while not full.progress.finished:
        full.advance()
    found = {"exact": exact, "full": full.model()}
    same, like_full = full.seconds, fine_tuning(exact, name, person.shown(), steps)
    found |= {
        "naive": learnt(naive(base, name, like_full), same),
        "scratch": learnt(scratch(base, name, like_full), same),
    }
    before = mean_dice(base, held, base.classes.names)
    row: dict[str, Any] = {
        "class": name,
        "minutes": round(float(minutes), 1),
        "minutes_more_full": round(same / 60, 1),
    }
    for way, model in {"dense": reference, **found}.items():
        scores = mean_dice(model, held, model.classes.names)
        row[way] = scores[name]
        row[f"{way}_largest"] = mean_dice(model, held, [name], {name: 1})[name]
        if way not in ("dense", "scratch"):
            row[f"old_classes_{way}"] = round(sum(scores[n] for n in before) / sum(before.values()), 4)
    row["certificate"] = certify(base, exact, [image for image, _ in held]).holds
    return row


def taught_exactly(base: Model, person: Annotator, pause: float) -> tuple[Model, float]:
    """The class's row, learnt while the annotator paints; the model, and minutes of painting and learning."""
    person.paint(0, int(np.argmax(person.truth[0].sum(axis=(0, 1)))))
    recipe = ExactRecipe(_ENDLESS, folds=0)
    teacher = ExactTeacher(base, base.classes.propose(person.name), person.shown(), recipe, "cpu")
    learning = learn(teacher, pause)
    while person.slices < _SLICES:
        person.paint(*worst_slice(teacher.model(), person))
        teacher.show(person.shown())
        learning += learn(teacher, pause)
    learning += learn(teacher, _FINISH)
    return teacher.model(), (learning + person.seconds) / 60


def naive(base: Model, name: str, like: Trainer) -> Trainer:
    """Fine-tuning on the same marks, from a fresh row, with nothing that keeps the old classes."""
    recipe = replace(like.recipe, steps=_ENDLESS, decay=False, loss=LossSettings())
    recipe = replace(recipe, learning_rate=_NAIVE_RATE, row_rate=_NAIVE_ROW_RATE / _NAIVE_RATE)
    return Trainer(add_class(base, base.classes.propose(name)), like.sources[:1], recipe, "cpu")


def scratch(base: Model, name: str, like: Trainer) -> Trainer:
    """The same network with fresh weights, for this class alone, on the same marks."""
    alone = ClassTable((base.classes.propose(name),))
    fresh = new_model(name, "dense-2.5d", alone, base.preprocessing)
    return Trainer(fresh, like.sources[:1], Recipe(steps=_ENDLESS, batch=8, decay=False), "cpu")


def learnt(trainer: Trainer, seconds: float) -> Model:
    """The model after so many seconds."""
    trainer.advance(seconds)
    return trainer.model()


def learn(teacher: ExactTeacher, seconds: float) -> float:
    """Learn for this time; returns the seconds taken."""
    started = time.perf_counter()
    while time.perf_counter() < started + seconds:
        teacher.advance(2.0)
    return time.perf_counter() - started


def worst_slice(model: Model, person: Annotator) -> tuple[int, int]:
    """The slice that the annotator finds worst: most wrong pixels among the candidates."""
    wrong = {}
    candidates = person.candidates()
    for index in {index for index, _ in candidates}:
        predictor = Predictor(model, person.images[index])
        for plane in [p for i, p in candidates if i == index]:
            found = slice_of(predictor, plane, person.name)
            wrong[index, plane] = int((found != person.truth[index][:, :, plane]).sum())
    return max(wrong, key=lambda place: wrong[place])


def slice_of(predictor: Predictor, plane: int, name: str) -> NDArray[np.bool_]:
    """A slice of the prediction, (I, J), from the windows at that slice."""
    levels = np.zeros(predictor.shape[:2], np.uint8)
    for window in range(predictor.windows):
        i, j, k = predictor.region(window)
        if k.start <= plane < k.stop:
            block = predictor.segment(window, [name])
            levels[i, j] = block.probabilities[name][:, :, plane - k.start]
    predictor.finish([name])
    return levels >= as_level(0.5)


def mean_dice(
    model: Model, held: Held, names: Sequence[str], largest: Mapping[str, int] | None = None
) -> dict[str, float]:
    """Of whole volumes, by class; of some classes only so many of the largest parts."""
    scores: dict[str, list[float]] = {name: [] for name in names}
    for image, masks in held:
        prediction = predict_whole(model, image, names)
        prediction = post_process(prediction, model.classes, PostProcessing(largest=largest or {}))
        for name in names:
            scores[name].append(dice(prediction.mask(name), masks[name]))
    return {name: round(statistics.mean(found), 4) for name, found in scores.items()}


def marked(data: Path, split: Split, most: int | None = None) -> Held:
    """Images with the masks of all classes."""
    data_set = read_data_set(data)
    found = []
    for case in data_set.part(split).cases[:most]:
        image, annotations = read_case(case, data_set.classes)
        found.append((image, {a.class_name: a.mask for a in annotations}))
    return found


if __name__ == "__main__":
    typer.run(main)
