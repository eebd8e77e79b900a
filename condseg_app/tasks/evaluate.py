"""Evaluations from files to figures: the work of `condseg evaluate`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from condseg_app.data import PostProcessing, Split
from condseg_app.engine.evaluate import Score, evaluate_case, summarise
from condseg_app.engine.train.corrupt import corrupt
from condseg_app.errors import CondsegError, ReadError
from condseg_app.io import find_model, read_data_set, read_model
from condseg_app.io.atomic import atomic_write
from condseg_app.tasks.image_warnings import CaseReader


@dataclass(frozen=True)
class EvaluationPlan:
    """Settings of an evaluation.

    Attributes:
        model: a model's name or file.
        data: folder of a data set.
        split: part of the data set; None for the whole.
        post_processing: of the masks. By default each class is scored by itself, regardless of other classes.
        corrupted: classes whose voxels are mostly replaced by fat first, to measure the other classes' loss.
        device: 'auto', 'cpu', 'cuda', ...
    """

    model: str
    data: Path
    split: Split | None = None
    post_processing: PostProcessing = field(default_factory=lambda: PostProcessing(overlap="keep"))
    corrupted: tuple[str, ...] = ()
    device: str = "auto"


@dataclass(frozen=True)
class EvaluatedCase:
    """Outcome of a case.

    Attributes:
        name: of the case.
        done: cases so far.
        total: cases in all.
        scores: of each class.
        error: the reason for missing scores, where the case could not be read.
    """

    name: str
    done: int
    total: int
    scores: Sequence[Score] = ()
    error: CondsegError | None = None


def evaluate_data_set(plan: EvaluationPlan) -> Iterator[EvaluatedCase]:
    """Evaluate case by case; an unreadable case stops no other."""
    model = read_model(find_model(plan.model))
    data = read_data_set(plan.data)
    cases = data.cases if plan.split is None else data.part(plan.split).cases
    shared = sorted(set(model.classes.names) & set(data.classes.names))
    if not cases or not shared:
        what = f"no case of split '{plan.split}'" if not cases else f"none of the classes of model '{model.name}'"
        raise ReadError(f"{what} is in the data set; choose another split or model", path=plan.data)
    read = CaseReader(data.name)
    for count, case in enumerate(cases, start=1):
        try:
            image, annotations = read(case, data.classes)
        except CondsegError as error:
            yield EvaluatedCase(case.name, count, len(cases), error=error)
            continue
        if plan.corrupted:
            image = corrupt(image, annotations, plan.corrupted, seed=count)
        scores = evaluate_case(model, image, annotations, plan.device, plan.post_processing)
        yield EvaluatedCase(case.name, count, len(cases), scores)


def write_figures(cases: Sequence[EvaluatedCase], path: Path | None) -> dict[str, Any]:
    """Summarise scores, and write all figures as JSON where a path is given."""
    failed = {case.name: str(case.error) for case in cases if case.error is not None}
    figures = {**summarise(score for case in cases for score in case.scores), "failed": failed}
    if path is not None:
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return figures
