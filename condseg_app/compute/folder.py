"""Many images from their files to masks: what is finished is skipped, what fails stops no other."""

import errno
import logging
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from condseg_app.compute.log import explain
from condseg_app.compute.output_names import output_names
from condseg_app.compute.prediction import Request, Segmentation, segment, write_segmentation
from condseg_app.data import Pick, PostProcessing
from condseg_app.errors import CondsegError, ReadError, WriteError, printable
from condseg_app.io import can_read, export_format, file_hash, find_model, is_image, read_model
from condseg_app.io.choices import EVERYTHING
from condseg_app.io.file_start import reading
from condseg_app.io.label_writers import new_folder
from condseg_app.io.prediction_report import (
    ClassVolume,
    ImageRecord,
    Method,
    Stamp,
    read_report,
    stamp_of,
    write_report,
)

# A disk that refuses so refuses what comes next as well; whatever else goes wrong does so with one image's files.
_DISK_REFUSES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)

_MOST_TOLD = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictionPlan:
    """What to predict.

    Attributes:
        model: a model's name or file.
        output: folder for the label maps.
        classes: names; None for the whole table.
        post_processing: of the masks. Where overlaps are kept there are only binary masks, and no label map.
        masks: whether to write one binary mask a class as well.
        device: 'auto', 'cpu', 'cuda', ...
        overwrite: whether to predict again what is finished already.
        accurate: whether windows overlap by a half instead of a quarter.
        roi: whether a coarse pass comes first, and classes are asked for only about where it found them.
        pick: what to take of files that hold more than one image.
        also: keys of further formats to export each image's masks in.
    """

    model: str
    output: Path
    classes: tuple[str, ...] | None = None
    post_processing: PostProcessing = field(default_factory=PostProcessing)
    masks: bool = False
    device: str = "auto"
    overwrite: bool = False
    accurate: bool = False
    roi: bool = False
    pick: Pick = EVERYTHING
    also: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of an image.

    Attributes:
        file: the image.
        stamp: of the file before it was read; None where it cannot be looked at.
        answer: its masks, or why there are none.
        worker: where it was predicted.
    """

    file: Path
    stamp: Stamp | None
    answer: Segmentation | CondsegError
    worker: str = ""


@dataclass(frozen=True, eq=False)
class Stage:
    """How far a folder is.

    Attributes:
        in_work: the images that are predicted just now.
        part: of them that is done, in images.
        outcome: an image that has just come to its end.
    """

    in_work: Sequence[Path]
    part: float = 0.0
    outcome: Outcome | None = None


SegmentAll = Callable[[Sequence[Path], Request], Iterator[Stage]]
"""Segments images somewhere, in any order; each has one outcome, and none raises for what is wrong with one image."""


@dataclass(frozen=True, eq=False)
class FolderProgress:
    """How far a folder is, for the screen.

    Attributes:
        done: images done, of all.
        in_work: the images that are predicted just now.
        record: of an image that was skipped, or has just come to its end.
    """

    done: float
    in_work: Sequence[Path] = ()
    record: ImageRecord | None = None


def image_files(paths: Sequence[Path], output: Path) -> list[Path]:
    """The images of some paths, each once: files as they are, folders by what in them can be read.

    Raises:
        ReadError: a path does not exist, or a folder holds no image.
        WriteError: a folder is the output, whose masks would be taken for images the next time.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise ReadError("there is no such file or folder; check the path", path=path)
        if path.resolve() == output.resolve():
            raise WriteError("the masks need a folder of their own; name another output", path=output)
        folder = path.is_dir() and not is_image(path)  # a zarr folder is one image
        for file in _images_in(path, output) if folder else (path,):
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _images_in(folder: Path, output: Path) -> list[Path]:
    """A folder's images, without hidden files; of folders in it that are no image it is told that they are left out."""
    with reading(folder):
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        images = [path for path in inside if is_image(path)]
        others = [
            p for p in inside if p.is_dir() and p not in images and not output.resolve().is_relative_to(p.resolve())
        ]
    for path in inside:
        if path.is_symlink() and not path.exists() and can_read(path):
            _log.warning("%s: leads to a file that is not here, and is left out; fetch it first", path)
    names = f"{', '.join(other.name for other in others[:_MOST_TOLD])}{', ...' if len(others) > _MOST_TOLD else ''}"
    if not images:
        also = f"; name the folders in it that do: {names}" if others else ""
        raise ReadError(f"the folder holds no image that can be read{also}", path=folder)
    if others:
        _log.warning("%s: the folders in it are not searched (%s); name them, too, if they hold images", folder, names)
    return images


def segment_here(files: Sequence[Path], request: Request) -> Iterator[Stage]:
    """Segment images in this process, one after the other."""
    for file in files:
        stamp = None
        try:
            stamp = stamp_of(file)
            for part, answer in segment(file, request):
                if answer is None:
                    yield Stage((file,), part)
                else:
                    yield Stage((), outcome=Outcome(file, stamp, answer, platform.node()))
        except Exception as error:  # noqa: BLE001 - `explain` logs it; the other images are none the worse for it
            yield Stage((), outcome=Outcome(file, stamp, explain(error, "Predicting")))


def predict_folder(
    files: Sequence[Path], plan: PredictionPlan, segment_all: SegmentAll = segment_here
) -> Iterator[FolderProgress]:
    """Predict images into a folder, and report on each in its report.json and report.csv.

    An image is skipped if the report says that it was predicted by the same method as it is, and its files are there.

    Raises:
        CondsegError: nothing can be predicted as planned; or the disk is full, which would stop the others as well.
            What is finished stays.
    """
    folder = _Folder(plan, output_names(files))
    finished = {} if plan.overwrite else folder.finished(files)
    folder.begin(finished)
    for file, record in finished.items():
        yield FolderProgress(len(finished), (file,), record)
    done = len(finished)
    for stage in segment_all([file for file in files if file not in finished], folder.request):
        settled = None if stage.outcome is None else folder.settle(stage.outcome)
        done += settled is not None
        yield FolderProgress(done + stage.part, stage.in_work, settled)


class _Folder:
    """An output folder with its report: a record for each image's name, for by it the output is called.

    Args:
        plan: what to predict.
        names: image -> what its output is called.
    """

    def __init__(self, plan: PredictionPlan, names: Mapping[Path, str]) -> None:
        self._names = names
        path = find_model(plan.model)
        model = read_model(path)
        classes = model.classes if plan.classes is None else model.classes.keeping(plan.classes)
        for name in plan.post_processing.names:
            classes.row(name)  # a class that is not there is one error, not one an image
        for key in plan.also:
            export_format(key)  # so is a format
        masks = plan.masks or bool(plan.also)
        self.request = Request(
            model, classes, plan.post_processing, plan.device, plan.accurate, plan.roi, masks, plan.pick
        )
        self._method = Method(
            model=model.name,
            model_sha256=file_hash(path),
            classes=classes.names,
            post_processing=plan.post_processing,
            masks=plan.masks,
            accurate=plan.accurate,
            roi=plan.roi,
            **asdict(plan.pick),
            also=plan.also,
        )
        self._output = plan.output
        self._records = {_key(record.name): record for record in read_report(plan.output)}

    def finished(self, files: Sequence[Path]) -> dict[Path, ImageRecord]:
        """The images for which there is nothing to do, with their records."""
        found = {}
        for file in files:
            record = self._records.get(_key(self._names[file]))
            if record is not None and self._is_finished(file, record):
                found[file] = record.model_copy(update={"status": "skipped"})
        return found

    def begin(self, finished: dict[Path, ImageRecord]) -> None:
        """Make the folder and its report."""
        new_folder(self._output)
        for record in finished.values():
            self._records[_key(record.name)] = record
        self._save()

    def settle(self, outcome: Outcome) -> ImageRecord:
        """Write what came out, then put it on record; WriteError if the disk refuses."""
        answer = outcome.answer
        if isinstance(answer, Segmentation):
            try:
                self._refuse_if_changed(outcome)
                return self._put(self._written(outcome, answer))
            except Exception as error:
                answer = explain(error, "Writing the masks")
                if isinstance(answer.__cause__, OSError) and answer.__cause__.errno in _DISK_REFUSES:
                    raise
        return self._put(self._record(outcome, status="failed", error=_told(answer, outcome.file)))

    def _is_finished(self, file: Path, record: ImageRecord) -> bool:
        try:
            return record.is_finished(stamp_of(file), self._method, self._output)
        except ReadError:
            return False  # predicting it will tell why

    def _written(self, outcome: Outcome, answer: Segmentation) -> ImageRecord:
        # The files of an earlier method must not be taken for finished once some of them are replaced.
        name = self._names[outcome.file]
        if self._records.pop(_key(name), None) is not None:
            self._save()
        target = self._output / name
        files, notes = write_segmentation(outcome.file, answer, self.request.classes, self._method, target)
        warnings = (*answer.warnings, *notes)
        for warning in warnings:
            _log.warning("%s: %s", outcome.file, warning)
        volumes = (ClassVolume.of(name, answer.voxels[name], answer.geometry) for name in self.request.classes.names)
        return self._record(
            outcome,
            status="done",
            warnings=warnings,
            seconds=answer.seconds,
            planned_mb=round(answer.planned / 1e6, 1),
            device=answer.device,
            volumes=tuple(volumes),
            files=tuple(file.relative_to(self._output).as_posix() for file in files),
        )

    def _record(self, outcome: Outcome, **known: object) -> ImageRecord:
        file = outcome.file
        image = printable(str(file.resolve()))
        common = {"name": self._names[file], "image": image, "stamp": outcome.stamp, "worker": outcome.worker}
        return ImageRecord.model_validate({**common, "method": self._method, **known})

    def _put(self, record: ImageRecord) -> ImageRecord:
        self._records[_key(record.name)] = record
        self._save()
        return record

    def _save(self) -> None:
        write_report(self._output, self._records.values())

    def _refuse_if_changed(self, outcome: Outcome) -> None:
        if stamp_of(outcome.file) != outcome.stamp:
            raise ReadError("the file changed while it was predicted; predict it again", path=outcome.file)


def _key(name: str) -> str:
    """A name as file systems compare it that do not tell capitals."""
    return name.casefold()


def _told(error: CondsegError, file: Path) -> str:
    """The sentence, without the image's own path before it."""
    return error.message if error.path in (None, file, file.resolve()) else printable(str(error))
