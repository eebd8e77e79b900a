"""Data sets as folders: the Medical Segmentation Decathlon's layout, and folders of images with binary masks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from condseg_app.data import Annotation, Case, ClassEntry, ClassTable, DataSet, Image, Split
from condseg_app.errors import ClassTableError, ReadError
from condseg_app.io import nifti
from condseg_app.io.images import can_read, is_nifti, read_image
from condseg_app.io.label_maps import read_binary_mask, read_label_map

_SPLITS: tuple[Split, ...] = ("train", "val", "test")


def read_data_set(folder: Path) -> DataSet:
    """Read which files belong together; the images themselves are read case by case.

    A folder with a `dataset.json` has the Decathlon's layout (`imagesTr`, `labelsTr`; optionally `split`, name of
    a split -> case names, and `single_class_groups`, class -> case names, or variant -> class -> case names). Else
    each folder in it with `images` and `masks` is a class, or it is one such folder itself.

    Raises:
        ReadError: it is none of these, or its dataset.json is damaged.
    """
    if not folder.is_dir():
        raise ReadError("there is no such folder; check the path", path=folder)
    if (folder / "dataset.json").exists():
        return _read_decathlon(folder)
    classes = [folder] if _is_class_folder(folder) else sorted(f for f in folder.iterdir() if _is_class_folder(f))
    if not classes:
        raise ReadError(
            "is not a data set: it has neither a dataset.json nor folders with 'images' and 'masks'", path=folder
        )
    return _read_class_folders(folder, classes)


def read_case(case: Case, classes: ClassTable) -> tuple[Image, tuple[Annotation, ...]]:
    """Read a case's image and, for each class that it labels, the mask, known everywhere.

    Raises:
        ReadError: a file is missing or damaged.
        GeometryError: image and labels do not fit.
    """
    image = read_image(case.image)
    masks = {name: read_binary_mask(path, image) for name, path in case.masks.items() if name in case.labelled}
    if case.labels is not None:
        labels = read_label_map(case.labels, image, classes)
        masks |= {name: labels.mask(name) for name in sorted(case.labelled - masks.keys())}
    everywhere = np.broadcast_to(np.True_, image.geometry.shape)
    return image, tuple(Annotation(name, mask, everywhere) for name, mask in sorted(masks.items()))


def _read_decathlon(folder: Path) -> DataSet:
    content = _content(folder / "dataset.json")
    classes = _class_table(content, folder / "dataset.json")
    split_of = {case: split for split in _SPLITS for case in content.get("split", {}).get(split, ())}
    cases, warnings = [], []
    for image, labels in _pairs(content, folder):
        name = _stem(image)
        if not image.exists() or not labels.exists():
            missing = image if not image.exists() else labels
            warnings.append(f"case '{name}' is left out: {missing.relative_to(folder)} is missing")
            continue
        labelled = frozenset(classes.names)
        cases.append(Case(name, image, labels, labelled=labelled, split=split_of.get(name)))
    if not cases:
        raise ReadError("names no case whose image and labels are both there; check the folder", path=folder)
    ordered = tuple(sorted(cases, key=lambda case: case.name))
    groups = _groups(content.get("single_class_groups", {}))
    return DataSet(folder.name, folder, classes, ordered, groups, str(content.get("licence", "")), tuple(warnings))


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReadError(f"is not readable JSON ({error}); mend it", path=path) from error
    if not isinstance(content, dict) or not isinstance(content.get("labels"), dict):
        raise ReadError("lacks 'labels', the table of class values and names; add it", path=path)
    return content


def _class_table(content: Mapping[str, Any], path: Path) -> ClassTable:
    """From {"1": "liver"} or {"liver": 1}; both are in use."""
    table = ClassTable()
    try:
        pairs = [(int(a), str(b)) if str(a).isdigit() else (int(b), str(a)) for a, b in content["labels"].items()]
        for value, name in sorted(pairs):
            if value != 0:
                proposed = table.propose(name)
                table = table.adding(ClassEntry(value, name, proposed.color, proposed.code))
    except (TypeError, ValueError, ClassTableError) as error:
        raise ReadError(f"has a wrong table of labels ({error}); mend it", path=path) from error
    return table


def _pairs(content: Mapping[str, Any], folder: Path) -> list[tuple[Path, Path]]:
    """Image and label files: those that dataset.json lists, or else those that lie in imagesTr."""
    listed = content.get("training")
    if listed:
        try:
            return [(folder / item["image"], folder / item["label"]) for item in listed]
        except (KeyError, TypeError) as error:
            raise ReadError(
                "'training' must list {'image': ..., 'label': ...}", path=folder / "dataset.json"
            ) from error
    images = sorted(f for f in (folder / "imagesTr").glob("*") if can_read(f) and not f.name.startswith("."))
    return [(image, folder / "labelsTr" / image.name) for image in images]


def _groups(declared: Mapping[str, Any]) -> dict[str, dict[str, tuple[str, ...]]]:
    """One variant (class -> cases) is called 'single'; several are named (variant -> class -> cases)."""
    if all(isinstance(value, list) for value in declared.values()):
        declared = {"single": declared} if declared else {}
    return {variant: {name: tuple(cases) for name, cases in classes.items()} for variant, classes in declared.items()}


def _is_class_folder(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def _read_class_folders(folder: Path, class_folders: list[Path]) -> DataSet:
    names = [f.name for f in class_folders]
    cases, warnings = [], []
    for class_folder in class_folders:
        masks = {_stem(f): f for f in sorted((class_folder / "masks").iterdir()) if can_read(f)}
        for image in sorted(f for f in (class_folder / "images").iterdir() if can_read(f)):
            mask = masks.pop(_stem(image), None)
            if mask is None:
                warnings.append(f"image {image.relative_to(folder)} is left out: it has no mask of the same name")
                continue
            own = {class_folder.name: mask}
            name = f"{class_folder.name}/{_stem(image)}"
            cases.append(Case(name, image, masks=own, labelled=frozenset(own)))
        warnings += [f"mask {mask.relative_to(folder)} is left out: it has no image" for mask in masks.values()]
    if not cases:
        raise ReadError("holds no image with a mask of the same name; check 'images' and 'masks'", path=folder)
    groups = {name: tuple(case.name for case in cases if name in case.labelled) for name in names}
    table = ClassTable.from_names(names)
    return DataSet(folder.name, folder, table, tuple(cases), {"single": groups}, warnings=tuple(warnings))


def _stem(path: Path) -> str:
    return nifti.name_of(path) if is_nifti(path) else path.stem
