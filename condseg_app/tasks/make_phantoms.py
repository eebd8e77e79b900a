"""Data sets made by formulas, written like collected data: the work of `condseg phantom`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from condseg_app.data import ClassTable, Image, LabelMap, Split
from condseg_app.errors import WriteError
from condseg_app.io import write_label_map
from condseg_app.io.data_sets.dataset_json import write_dataset_json
from condseg_app.io.image_files import write_image
from condseg_app.jobs import Progress, Step, Steps
from condseg_app.phantoms.ct import CT_CLASSES, make_ct
from condseg_app.phantoms.scene import SCENE_CLASSES, make_scene

# Of every six cases in order, four are for training; so a longer set begins with the shorter set.
_SPLIT_CYCLE: tuple[Split, ...] = ("train", "train", "train", "train", "val", "test")


@dataclass(frozen=True)
class _Kind:
    """A phantom data set; `stream` keeps its random numbers apart from other sets'."""

    folder: str
    title: str
    modality: dict[str, str]
    suffix: str
    stream: int
    classes: tuple[str, ...]
    make: Callable[[np.random.Generator], tuple[Image, LabelMap]]

    def names(self, cases: int) -> list[str]:
        return [f"{self.folder}_{number:03d}" for number in range(1, cases + 1)]


_KINDS = (
    _Kind("ct", "CT-like abdomen, six organs", {"0": "CT"}, ".nii.gz", 1, CT_CLASSES, make_ct),
    _Kind(
        "scene", "Drawn street scenes", {"0": "red", "1": "green", "2": "blue"}, ".png", 2, SCENE_CLASSES, make_scene
    ),
)


def write_phantoms(folder: Path, cases: int = 72, scenes: int = 160, seed: int = 0) -> Steps:
    """Make and write FOLDER/ct and FOLDER/scene, case by case.

    The same seed always gives the same files, and a larger number only adds files. A set can be read as
    soon as all cases are there (dataset.json comes last).

    Args:
        folder: made if missing; cases of an earlier call are replaced.
        cases: number of CT-like volumes, 0 for none.
        scenes: number of pictures, 0 for none.
        seed: from which everything random follows.

    Yields:
        A step for each case that is written; its result is the image's path.

    Raises:
        WriteError: the folder cannot be written to, or a number is negative.
    """
    if min(cases, scenes, seed) < 0:
        raise WriteError("the numbers of cases and the seed must not be negative", path=folder)
    done, total = 0, cases + scenes
    for kind, count in zip(_KINDS, (cases, scenes), strict=True):
        if count == 0:
            continue
        root = folder / kind.folder
        _prepare(root)
        for number, name in enumerate(kind.names(count)):
            image, labels = kind.make(np.random.default_rng([seed, kind.stream, number]))
            path = root / "imagesTr" / f"{name}{kind.suffix}"
            write_image(path, image)
            write_label_map(root / "labelsTr" / path.name, labels)
            done += 1
            yield Step(Progress(done / total, f"Made {path.name}"), path)
        write_dataset_json(root, _description(kind, count, seed))


def _prepare(root: Path) -> None:
    try:
        for name in ("imagesTr", "labelsTr"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "dataset.json").unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"cannot write here ({error.strerror}); choose another folder", path=root) from error


def _description(kind: _Kind, count: int, seed: int) -> dict[str, Any]:
    """The data set in the Medical Segmentation Decathlon's terms, with `split` and `single_class_groups`."""
    names = kind.names(count)
    split: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number, name in enumerate(names):
        split[_SPLIT_CYCLE[number % len(_SPLIT_CYCLE)]].append(name)
    labels = {str(entry.value): entry.name for entry in ClassTable.from_names(kind.classes)}
    files = [{"image": f"./imagesTr/{n}{kind.suffix}", "label": f"./labelsTr/{n}{kind.suffix}"} for n in names]
    return {
        "name": f"phantom_{kind.folder}",
        "description": f"{kind.title}: made by `condseg phantom`, no patient and no photograph",
        "reference": "CondSeg",
        "licence": "CC0 1.0",
        "release": "1.0",
        "tensorImageSize": "3D" if kind.suffix == ".nii.gz" else "2D",
        "modality": kind.modality,
        "labels": {"0": "background", **labels},
        "numTraining": count,
        "numTest": 0,
        "training": files,
        "test": [],
        "seed": seed,
        "split": split,
        "single_class_groups": _groups(kind.classes, split["train"]),
    }


def _groups(classes: Sequence[str], train: Sequence[str]) -> dict[str, list[str]]:
    """Training cases dealt out in turn: a single class each, no case twice."""
    dealt = {name: list(train[row :: len(classes)]) for row, name in enumerate(classes)}
    return {name: cases for name, cases in dealt.items() if cases}
