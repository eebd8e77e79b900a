"""Systems compared on data sets: the same budget and seeds for all, resumable run by run."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from condseg_app.data import DataSet, Model
from condseg_app.engine.evaluate import BY_ITSELF, confusion, score_masks, summarise
from condseg_app.engine.measure import cost
from condseg_app.engine.predict.post_process import final_masks
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.engine.train.recipes import RECIPES, changed
from condseg_app.errors import CondsegError
from condseg_app.io import read_case, read_data_set, read_image
from condseg_app.io.atomic import atomic_write
from condseg_app.tasks.comparison_config import ComparisonConfig, DataConfig
from condseg_app.tasks.comparison_report import Figures
from condseg_app.tasks.comparison_runs import Run
from condseg_app.tasks.complete_labels import CompletionPlan, complete_labels
from condseg_app.tasks.train import Training, TrainingPlan, run
from condseg_app.tasks.training_data import renamed


def compare(runs: Sequence[Run], device: str = "auto") -> Iterator[tuple[Run, float]]:
    """Do the unfinished runs; yields the run in work and its finished part (0 to 1).

    Several processes may work on the same folder: each run is done by a single process.
    """
    for each in runs:
        _check_unchanged(each)
    waiting = [each for each in runs if not each.figures.exists()]
    while waiting:
        ready = [r for r in waiting if _is_ready(r)]
        taken = False
        for each in ready:
            with _claim(each) as mine:
                if mine and not each.figures.exists():
                    taken = True
                    yield from ((each, part) for part in _do(each, device))
        waiting = [each for each in waiting if not each.figures.exists()]
        if not taken:
            return  # other processes do the rest


def _is_ready(each: Run) -> bool:
    source = each.system.complete_from
    return source is None or each.sibling(source).figures.exists()


def _check_unchanged(each: Run) -> None:
    kept = each.folder / "settings.json"
    if kept.exists() and json.loads(kept.read_text(encoding="utf-8")) != each.settings():
        raise CondsegError(
            f"'{each.system.name}' was begun with other settings; undo the change or remove its folder",
            path=each.folder,
        )


@contextmanager
def _claim(each: Run) -> Iterator[bool]:
    """Whether this process may do a run; a claim of a process that is gone counts no more."""
    each.folder.mkdir(parents=True, exist_ok=True)
    claim = each.folder / "claim"
    if claim.exists() and not _is_alive(claim.read_text(encoding="utf-8")):
        claim.unlink(missing_ok=True)
    try:
        with claim.open("x", encoding="utf-8") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        yield False
        return
    try:
        yield True
    finally:
        claim.unlink(missing_ok=True)


def _is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _do(each: Run, device: str) -> Iterator[float]:
    """Train and evaluate; the part done, of which evaluating is the last twentieth."""
    _write_json(each.folder / "settings.json", each.settings())
    plan = _plan(each, device)
    training = Training(plan, resume=plan.checkpoint.exists())
    for progress in run(training):
        yield 0.95 * progress.step / progress.steps
    model = training.finish()
    figures: dict[str, Any] = {
        "training_seconds": training.trainer.seconds,
        "steps": training.trainer.progress.step,
        "data": {},
    }
    for number, data in enumerate(each.config.data, start=1):
        shown = renamed(read_data_set(data.folder), data.rename)
        figures["data"][data.name] = _evaluate(model, shown, each.config, device)
        yield 0.95 + 0.05 * number / len(each.config.data)
    plan.checkpoint.unlink(missing_ok=True)
    _write_json(each.figures, figures)


def _plan(each: Run, device: str) -> TrainingPlan:
    config, system = each.config, each.system
    data = [d for d in config.data if not system.data or d.name in system.data]
    folders, groups = tuple(d.folder for d in data), data[0].groups
    if any(d.groups != groups for d in data):
        raise CondsegError("all data sets of a comparison show their labels in the same groups; give them the same")
    if system.complete_from is not None:
        folders, groups = _completed(each, folders, groups, device), None
    return TrainingPlan(
        data=folders,
        output=each.model,
        recipe=changed(RECIPES["default"], {**config.recipe, **system.recipe, "seed": each.seed}),
        network=system.network or config.network,
        groups=None if system.all_labels else groups,
        classes=_classes_of(config, data),
        rename={old: new for d in data for old, new in d.rename.items()},
        code_range=system.code_range,
        preprocessing={**config.preprocessing, **system.preprocessing},
        settings=_as_tuples(system.settings),
        name=system.name,
        device=device,
    )


def _classes_of(config: ComparisonConfig, data: Sequence[DataConfig]) -> tuple[str, ...] | None:
    """The compared classes that some data sets have; a system that learns from fewer sets has fewer classes."""
    known = {name for d in data for name in renamed(read_data_set(d.folder), d.rename).classes.names}
    return tuple(name for name in config.classes if name in known) or None


def _completed(each: Run, folders: tuple[Path, ...], groups: str | None, device: str) -> tuple[Path, ...]:
    """The data sets with the labels filled in that another system's model finds."""
    model = each.sibling(each.system.complete_from or "").model
    done = []
    for folder in folders:
        plan = CompletionPlan(
            data=folder,
            model=str(model),
            output=each.folder / "completed" / folder.name,
            groups=groups,
            classes=each.config.classes or None,
            split="train",
            confidence=each.config.confidence,
            device=device,
        )
        for _case in complete_labels(plan):
            pass
        done.append(plan.output)
    return tuple(done)


def _evaluate(model: Model, data: DataSet, config: ComparisonConfig, device: str) -> Figures:
    """Scores on a data set's reported split, confusion with other sets' classes, and cost of predicting."""
    cases = data.part(config.split).cases
    alien = [name for name in model.classes.names if name not in data.classes]
    scores, confusions = [], []
    for case in cases:
        image, annotations = read_case(case, data.classes)
        masks = final_masks(predict_whole(model, image, model.classes.names, device), model.classes, BY_ITSELF)
        scores.extend(score_masks(image, annotations, masks))
        if alien:
            confusions.append(confusion(masks, alien))
    return {
        **summarise(scores),
        "confusion_percent": median(confusions) if confusions else None,
        "cost": asdict(cost(model, read_image(cases[0].image), device)),
    }


def _as_tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
