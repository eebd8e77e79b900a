"""Data sets as folders: the Medical Segmentation Decathlon's layout, and folders of images with binary masks."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Annotation, Case, ClassTable, DataSet, Image, LabelCoding, LabelMap, Split, values_present
from condseg_app.errors import ReadError
from condseg_app.io.contents import is_image
from condseg_app.io.data_sets.classes_beside import with_classes_beside
from condseg_app.io.data_sets.dataset_json import SPLITS, DataSetFile, leads_out, path_of_text, read_dataset_json, told
from condseg_app.io.data_sets.nnunet import case_of, channels_of
from condseg_app.io.file_names import composed, same_name
from condseg_app.io.file_start import name_of
from condseg_app.io.images import read_image
from condseg_app.io.labels.reader import read_label_map, read_machine_mask, read_told_mask


def read_data_set(folder: Path) -> DataSet:
    """Read which files belong together; the images themselves are read case by case.

    Three layouts: that of the Medical Segmentation Decathlon, with a `dataset.json` beside `imagesTr` and `labelsTr`
    (optionally with `split`, name of a split -> case names, and `single_class_groups`, class -> case names or
    variant -> class -> case names; without `labels` the class tables beside the label maps count, which exports bring
    along); a folder for each split (`train`, `val`, `test`) with `images` and `labels`; or a folder for each class with
    `images` and `masks`, or a single such folder (a `dataset.json` may add `classes` with values and colours,
    `split` and `licence`).

    Raises:
        ReadError: none of these layouts, or a damaged dataset.json.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise ReadError("there is no such folder; check the path", path=folder)
    described = read_dataset_json(folder)
    if "training" in described.content or (folder / "imagesTr").is_dir():
        return _decathlon(folder, described)
    split_folders = [folder / split for split in SPLITS if (folder / split / "labels").is_dir()]
    if split_folders:
        return _split_folders(folder, split_folders, described)
    class_folders = [folder] if _is_class_folder(folder) else [f for f in _inside(folder) if _is_class_folder(f)]
    if class_folders:
        return _class_folders(folder, class_folders, described)
    raise ReadError(
        "is not a data set; it needs dataset.json with imagesTr and labelsTr, folders of splits with 'images' and "
        "'labels', or folders of classes with 'images' and 'masks'",
        path=folder,
    )


def read_case(case: Case, classes: ClassTable) -> tuple[Image, tuple[Annotation, ...]]:
    """Read a case's image and a mask for each labelled class, supervised everywhere.

    The image's warnings include those of the labels.

    Raises:
        ReadError: a file is missing or damaged, or a binary mask is empty.
        GeometryError: image and labels do not fit.
    """
    image = read_image(case.image)
    by_hand = {n: path for n, path in case.masks.items() if n in case.labelled and n not in case.machine_made}
    told_masks = {name: read_told_mask(path, image) for name, path in by_hand.items()}
    masks = {name: mask for name, (mask, _) in told_masks.items()}
    odd = [note for _, notes in told_masks.values() for note in notes]
    if case.labels is not None:
        labels, known = _decoded(read_label_map(case.labels, image, classes), case.coding)
        named = sorted(case.labelled - masks.keys() - case.machine_made)
        masks |= {name: labels.with_parts(name) for name in named}
        odd += [*labels.warnings, *_unknown_values(labels)]
    else:
        known = np.broadcast_to(np.True_, image.geometry.shape)
    annotations = [Annotation(name, mask, known) for name, mask in masks.items()]
    for name in case.labelled & case.machine_made:
        annotations.append(Annotation(name, *read_machine_mask(case.masks[name], image)))
    image = replace(image, warnings=tuple(dict.fromkeys((*image.warnings, *odd))))
    return image, tuple(sorted(annotations, key=lambda annotation: annotation.class_name))


def _decoded(labels: LabelMap, coding: LabelCoding) -> tuple[LabelMap, NDArray[np.bool_]]:
    """The label map with the class table's values, and the supervised mask, (I, J, K)."""
    known: NDArray[np.bool_] = np.broadcast_to(np.True_, labels.values.shape)
    if coding.ignored is not None:
        known = labels.values != coding.ignored
    elif not coding.values:
        return labels, known
    meant = np.arange(max(int(labels.values.max()), *coding.values, 0) + 1, dtype=np.uint16)
    meant[list(coding.values)] = list(coding.values.values())
    return replace(labels, array=np.where(known, meant[labels.values], np.uint16(0))), known


def _unknown_values(labels: LabelMap) -> tuple[str, ...]:
    known = {entry.value for entry in labels.classes}
    values = values_present(labels.values)
    return told("label {} not in the class table and left out", [str(v) for v in values if v not in known])


def _decathlon(folder: Path, described: DataSetFile) -> DataSet:
    pairs, warnings = _listed(folder, described) if described.content.get("training") else (_lying(folder), ())
    there = ((image, labels) for image, labels in pairs if _is_there(image) and _is_there(labels))
    complete = {_case_name(image, labels): (image, labels) for image, labels in there}
    warnings += described.odd_background()
    described = with_classes_beside(described, {name: labels for name, (_, labels) in complete.items()})
    classes = described.classes()
    split, odd_split = _splits(described, complete)
    groups, odd_groups = described.groups(classes, complete)
    labelled, machine = described.labelled(classes, complete), described.machine_made(classes, complete)
    cases = tuple(
        Case(
            name,
            image,
            labels,
            masks=machine.get(name, {}),
            labelled=labelled[name] | machine.get(name, {}).keys(),
            split=split.get(name),
            machine_made=frozenset(machine.get(name, {})),
            coding=described.coding(),
        )
        for name, (image, labels) in sorted(complete.items())
    )
    if not cases:
        raise ReadError(_no_case(folder), path=folder)
    used = {path.name for pair in complete.values() for path in pair}
    warnings += (*_left_out(folder, pairs, used), *odd_split, *odd_groups)
    return DataSet(folder.name, folder, classes, cases, groups, described.licence, warnings)


def _splits(described: DataSetFile, cases: Collection[str]) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Each case's split; where only some cases have a split, the others are training cases."""
    split, warnings = described.splits(cases)
    without = sorted(set(cases) - set(split))
    if not split or not without:
        return split, warnings
    return {**split, **dict.fromkeys(without, SPLITS[0])}, (
        *warnings,
        *told("{} in no split and taken for training", without),
    )


def _listed(folder: Path, described: DataSetFile) -> tuple[list[tuple[Path, Path]], tuple[str, ...]]:
    """The pairs that 'training' lists; a path that leads out of the data set is not followed."""
    pairs, outside = [], []
    listed: Any = described.content["training"]
    try:
        for item in listed:
            image, labels = path_of_text(item["image"]), path_of_text(item["label"])
            if image.name.startswith("._"):  # left by macOS beside a file on other disks
                continue
            if leads_out(image) or leads_out(labels):
                outside.append(str(image))
            else:
                pairs.append((_as_it_lies(_spelt(folder / image)), _spelt(folder / labels)))
    except (KeyError, TypeError) as error:
        raise ReadError("'training' must list {'image': ..., 'label': ...}; mend it", path=described.path) from error
    return pairs, told("{} outside of the folder and left out", outside)


def _lying(folder: Path) -> list[tuple[Path, Path]]:
    labels = {name_of(path): path for path in _images(folder / "labelsTr")}
    images = {name_of(path): path for path in _images(folder / "imagesTr")}
    for name in labels.keys() - images.keys():
        channels = channels_of(name, images)
        if channels:
            images[name] = _single_channel([images[channel] for channel in channels])
    return [(images[name], labels[name]) for name in sorted(images.keys() & labels.keys())]


def _spelt(path: Path) -> Path:
    """A listed file by its name on this disk: disks differ in case, and macOS in the form of accented letters."""
    if _is_there(path) or not path.parent.is_dir():
        return path
    alike = [other for other in path.parent.iterdir() if same_name(other.name) == same_name(path.name)]
    return alike[0] if len(alike) == 1 else path


def _as_it_lies(image: Path) -> Path:
    """A listed image; nnU-Net's lists leave out the channel number at the end of file names."""
    if _is_there(image) or not image.parent.is_dir():
        return image
    beside = {name_of(path): path for path in _images(image.parent)}
    channels = channels_of(name_of(image), beside)
    return _single_channel([beside[channel] for channel in channels]) if channels else image


def _single_channel(channels: Sequence[Path]) -> Path:
    """The file of a single-channel case.

    Raises:
        ReadError: several channels, in a file each.
    """
    if len(channels) > 1:
        names = ", ".join(path.name for path in channels)
        raise ReadError(
            f"a case has {len(channels)} channels in a file each, as nnU-Net has them ({names}); one file with all "
            "channels is read: write them into one OME-TIFF or OME-Zarr, or keep the files of one channel",
            path=channels[0],
        )
    return channels[0]


def _case_name(image: Path, labels: Path) -> str:
    """The image's name; without the number of nnU-Net's channel, where the labels have none."""
    name = composed(name_of(image))
    return case_of(name) if case_of(name) == composed(name_of(labels)) else name


def _no_case(folder: Path) -> str:
    """Why there is no case, with the names of files that were looked at."""
    kinds = [(kind, [path.name for path in _images(folder / kind)]) for kind in ("imagesTr", "labelsTr")]
    empty = [kind for kind, names in kinds if not names]
    if empty:
        return f"holds no image that can be read in {' and '.join(empty)}; check these folders"
    (images, image), (labels, label) = ((kind, names[0]) for kind, names in kinds)
    return f"holds no image with labels of the same name ({images}/{image}, {labels}/{label}); rename them alike"


def _is_there(path: Path) -> bool:
    return path.is_file() or is_image(path)


def _left_out(folder: Path, pairs: Iterable[tuple[Path, Path]], used: set[str]) -> tuple[str, ...]:
    """Files without their counterpart: named in dataset.json, or lying in the folders."""
    missing = [str(path.relative_to(folder)) for pair in pairs for path in pair if not _is_there(path)]
    images = {name_of(path): path.name for path in _images(folder / "imagesTr") if path.name not in used}
    labels = {name_of(path): path.name for path in _images(folder / "labelsTr") if path.name not in used}
    return (
        *told("{} missing; its case is left out", sorted(missing)),
        *_not_searched(folder / "imagesTr", folder / "labelsTr"),
        *told("image {} without labels and left out", sorted(images[n] for n in images.keys() - labels.keys())),
        *told("label map {} without an image and left out", sorted(labels[n] for n in labels.keys() - images.keys())),
        *told("{} not listed in dataset.json and left out", sorted(images[n] for n in images.keys() & labels.keys())),
    )


def _split_folders(folder: Path, split_folders: list[Path], described: DataSetFile) -> DataSet:
    """Images and label maps of the same name, in a folder for each split."""
    coding = described.coding()
    cases: dict[str, Case] = {}
    lone: list[str] = []
    for split, part in ((split, folder / split) for split in SPLITS if folder / split in split_folders):
        images, labels = ({name_of(p): p for p in _images(part / kind)} for kind in ("images", "labels"))
        for name in sorted(images.keys() & labels.keys()):
            if name in cases:
                raise ReadError(f"case '{name}' is in splits {cases[name].split} and {split}; choose one", path=folder)
            cases[name] = Case(name, images[name], labels[name], split=split, coding=coding)
        lone += [str(images[n].relative_to(folder)) for n in sorted(images.keys() - labels.keys())]
    if not cases:
        raise ReadError("holds no image with labels of the same name; check 'images' and 'labels'", path=folder)
    described = with_classes_beside(described, {name: case.labels for name, case in cases.items() if case.labels})
    classes = described.classes()
    labelled = described.labelled(classes, cases)
    groups, odd = described.groups(classes, cases)
    shown = tuple(replace(case, labelled=labelled[name]) for name, case in sorted(cases.items()))
    unsearched = (path for split in split_folders for path in _not_searched(split / "images", split / "labels"))
    warnings = (*told("image {} without labels and left out", lone), *unsearched, *odd)
    return DataSet(folder.name, folder, classes, shown, groups, described.licence, warnings)


def _class_folders(folder: Path, class_folders: list[Path], described: DataSetFile) -> DataSet:
    """Each case is labelled with its own folder's class only; the other classes are unknown there."""
    names = [f.name for f in class_folders]
    classes = described.classes() if described.names_classes else ClassTable.from_names(names)
    cases: list[Case] = []
    warnings: tuple[str, ...] = told(
        "folder {} no class of dataset.json and left out", sorted(set(names) - set(classes.names))
    )
    for class_folder in (f for f in class_folders if f.name in classes):
        found, odd = _class_cases(class_folder)
        cases, warnings = [*cases, *found], warnings + odd
    if not cases:
        raise ReadError("holds no image with a mask of the same name; check 'images' and 'masks'", path=folder)
    split, odd = _splits(described, [case.name for case in cases])
    ordered = tuple(replace(c, split=split.get(c.name)) for c in sorted(cases, key=lambda case: case.name))
    groups = {n: tuple(c.name for c in ordered if n in c.labelled) for n in classes.names}
    single = {"single": {name: members for name, members in groups.items() if members}}
    return DataSet(folder.name, folder, classes, ordered, single, described.licence, warnings + odd)


def _class_cases(folder: Path) -> tuple[list[Case], tuple[str, ...]]:
    images = {name_of(path): path for path in _images(folder / "images")}
    masks = {name_of(path): path for path in _images(folder / "masks")}
    cases = [
        Case(f"{folder.name}/{name}", images[name], masks={folder.name: masks[name]}, labelled=frozenset({folder.name}))
        for name in sorted(images.keys() & masks.keys())
    ]
    lone = sorted(f"{folder.name}/images/{images[n].name}" for n in images.keys() - masks.keys())
    lost = sorted(f"{folder.name}/masks/{masks[n].name}" for n in masks.keys() - images.keys())
    return cases, (
        *told("image {} without a mask and left out", lone),
        *told("mask {} without an image and left out", lost),
        *_not_searched(folder / "images", folder / "masks"),
    )


def _is_class_folder(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def _images(folder: Path) -> list[Path]:
    return [path for path in _inside(folder) if is_image(path)]


def _not_searched(*folders: Path) -> tuple[str, ...]:
    """Folders in those of images and labels that are no image themselves."""
    found = [path for folder in folders for path in _inside(folder) if path.is_dir() and not is_image(path)]
    return told("folder {} no image and not searched", [f"{path.parent.name}/{path.name}" for path in found])


def _inside(folder: Path) -> list[Path]:
    """Content of a folder, in order, without hidden files."""
    return sorted(p for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []
