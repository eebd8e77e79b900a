"""Completing labels: a trained model labels a data set's unlabelled classes."""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import (
    Annotation,
    Case,
    ClassTable,
    DataSet,
    Image,
    LabelMap,
    Model,
    Prediction,
    Split,
    as_level,
    listed,
)
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.errors import ClassTableError, GeometryError, ReadError, WriteError
from condseg_app.io import find_model, read_data_set, read_model, write_label_map
from condseg_app.io.atomic import atomic_write
from condseg_app.io.data_sets.dataset_json import CLASS_ID, write_dataset_json
from condseg_app.io.file_names import as_file_name
from condseg_app.io.image_files import write_image
from condseg_app.io.labels.reader import MACHINE_UNKNOWN
from condseg_app.io.labels.writer import new_folder, usual_suffix
from condseg_app.tasks.image_warnings import CaseReader
from condseg_app.tasks.training_data import Choice, choose

_log = logging.getLogger(__name__)

IMAGES, LABELS, MACHINE = "imagesTr", "labelsTr", "machineTr"


@dataclass(frozen=True)
class CompletionPlan:
    """Settings of completing a data set.

    Attributes:
        data: a data set's folder.
        model: a model's name or file.
        output: the folder of the completed data set.
        groups: variant of the set's single-class groups; classes that a group does not show count as unlabelled.
        classes: the classes to fill in; None for all classes of the model.
        split: part of the data set; None for the whole.
        confidence: probability from which a voxel is the class; below 1 - confidence the class is absent; between
            these the voxel stays unlabelled.
        device: 'auto', 'cpu', 'cuda', ...
    """

    data: Path
    model: str
    output: Path
    groups: str | None = None
    classes: tuple[str, ...] | None = None
    split: Split | None = "train"
    confidence: float = 0.9
    device: str = "auto"


def complete_labels(plan: CompletionPlan) -> Iterator[tuple[int, int, Case]]:
    """Write the data set with the missing labels filled in; yields cases done, cases in all, and the case.

    Human labels are never changed. Where a person labelled another class, the model's label is dropped, unless
    either class is a part of the other. Finished cases are skipped.

    Raises:
        ClassTableError: the model lacks a wanted class.
        WriteError: the output is the data set itself.
        ReadError: a case cannot be read; the others are completed.
    """
    if plan.output.resolve() == plan.data.resolve():
        raise WriteError("the completed data set needs a folder of its own; name another output", path=plan.output)
    model = read_model(find_model(plan.model))
    data = read_data_set(plan.data)
    cases = _cases(plan, data)
    wanted = tuple(plan.classes or model.classes.names)
    missing = sorted(set(wanted) - set(model.classes.names))
    if missing:
        raise ClassTableError(
            f"model '{model.name}' does not know '{missing[0]}'; it knows {listed(model.classes.names)}"
        )
    table = _table(data.classes, model.classes, wanted)
    for folder in (IMAGES, LABELS, MACHINE):
        new_folder(plan.output / folder)
    files: dict[str, dict[str, Any]] = {}
    for count, case in enumerate(cases, start=1):
        try:
            files[case.name] = _complete(case, data, table, wanted, model, plan)
        except (ReadError, GeometryError) as error:  # the other cases are unharmed
            _log.warning("%s is left out: %s", case.name, error)
        yield count, len(cases), case
    done = tuple(case for case in cases if case.name in files)
    if done:
        _write_description(plan, data, table, done, files)
    if len(done) < len(cases):
        lost = len(cases) - len(done)
        raise ReadError(f"{lost} of {len(cases)} cases could not be read; mend them, then run this again")


def _cases(plan: CompletionPlan, data: DataSet) -> tuple[Case, ...]:
    if plan.groups is not None:
        return choose(Choice((plan.data,), plan.groups, plan.classes)).cases
    return data.cases if plan.split is None else data.part(plan.split).cases


def _table(human: ClassTable, model: ClassTable, wanted: tuple[str, ...]) -> ClassTable:
    """The data set's classes, and further classes of the model."""
    table = human
    for entry in model:
        if entry.name in wanted and entry.name not in table:
            taken = {e.value for e in table}
            value = table.propose(entry.name).value if entry.value in taken else entry.value
            table = table.adding(replace(entry, value=value))
    return table


def _complete(
    case: Case, data: DataSet, table: ClassTable, wanted: tuple[str, ...], model: Model, plan: CompletionPlan
) -> dict[str, Any]:
    """Write a case's files; returns their paths."""
    for ending in (".nii.gz", ".png"):  # a finished case is not read again
        described = _described(case, wanted, ending)
        paths = described["image"], described["label"], *described["machine"].values()
        if all((plan.output / path).exists() for path in paths):
            return described
    image, annotations = CaseReader(data.name)(case, data.classes)
    described = _described(case, wanted, usual_suffix(image.geometry))
    _place(case.image, plan.output / described["image"])
    labels_file = plan.output / described["label"]
    if case.labels is not None:
        _place(case.labels, labels_file)
    else:
        write_label_map(labels_file, _label_map(image, annotations, data.classes))
    machine = described["machine"]
    if machine:
        prediction = predict_whole(model, image, list(machine), plan.device)
        for class_name, path in machine.items():
            marks = gated(prediction, class_name, annotations, table, plan.confidence)
            write_image(plan.output / path, replace(image, array=marks[None], channels=("mask",)))
    return described


def _described(case: Case, wanted: tuple[str, ...], ending: str) -> dict[str, Any]:
    """Paths of a case's files, with this ending for those that are made."""
    name = as_file_name(case.name)
    missing = [c for c in wanted if c not in case.labelled]
    return {
        "image": f"{IMAGES}/{name}{_suffix(case.image)}",
        "label": f"{LABELS}/{name}{_suffix(case.labels) if case.labels else ending}",
        "human": sorted(case.labelled),
        "machine": {c: f"{MACHINE}/{name}_{as_file_name(c)}{ending}" for c in missing},
    }


def gated(
    prediction: Prediction, name: str, human: tuple[Annotation, ...], table: ClassTable, confidence: float
) -> NDArray[np.uint8]:
    """A class's labels (I, J, K): 1 where the model is sure of presence, 0 where sure of absence, 255 between.

    Human labels decide: in their voxels there is no other class, except the wholes that contain the labelled class;
    and the parts of a class lie nowhere outside that class.
    """
    probability = prediction.probabilities[name]
    marks = np.full(probability.shape, MACHINE_UNKNOWN, np.uint8)
    marks[probability >= as_level(confidence)] = 1
    marks[probability <= 255 - as_level(confidence)] = 0
    for annotation in human:
        marked = annotation.mask & annotation.supervised
        if annotation.class_name in table.wholes_of(name):
            marks[annotation.supervised & ~annotation.mask] = 0
        else:
            marks[marked] = 1 if name in table.wholes_of(annotation.class_name) else 0
    return marks


def _label_map(image: Image, annotations: tuple[Annotation, ...], classes: ClassTable) -> LabelMap:
    values = np.zeros(image.geometry.shape, np.uint16)
    for annotation in annotations:
        values[annotation.mask] = classes[annotation.class_name].value
    return LabelMap(values, image.geometry, classes)


def _place(source: Path, target: Path) -> None:
    """Put a file at a second path: by a hard link, or a copy on another disk."""
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        with atomic_write(target) as temporary:
            shutil.copyfile(source, temporary)


def _write_description(
    plan: CompletionPlan,
    data: DataSet,
    table: ClassTable,
    cases: tuple[Case, ...],
    files: Mapping[str, Mapping[str, Any]],
) -> None:
    names = {case.name: as_file_name(case.name) for case in cases}
    split: dict[str, list[str]] = {}
    for case in cases:
        split.setdefault(case.split or "train", []).append(names[case.name])
    coding = cases[0].coding
    stored = {meant: value for value, meant in coding.values.items()}
    content = {
        "name": f"{data.name}, labels completed by {plan.model}",
        "classes": [
            {"name": e.name, "value": stored.get(e.value, e.value), "color": list(e.color), CLASS_ID: e.id}
            for e in table
        ],
        **({} if coding.ignored is None else {"ignore_id": coding.ignored}),
        "part_of": {entry.name: entry.part_of for entry in table if entry.part_of in table},
        "licence": data.licence,
        "training": [{"image": f["image"], "label": f["label"]} for f in files.values()],
        "labelled": {names[case]: f["human"] for case, f in files.items()},
        "machine_made": {names[case]: f["machine"] for case, f in files.items()},
        "confidence": plan.confidence,
        "split": split,
    }
    write_dataset_json(plan.output, content)


def _suffix(path: Path) -> str:
    return "".join(path.suffixes[-2:]) if path.name.lower().endswith(".nii.gz") else path.suffix
