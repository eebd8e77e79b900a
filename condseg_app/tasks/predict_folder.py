"""Many images from their files to masks: finished images are skipped, a failure stops no other image."""

import errno
import logging
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from condseg_app.data import PredictionOptions
from condseg_app.errors import CondsegError, ReadError, WriteError, printable
from condseg_app.io import can_read, export_format, file_hash, find_model, is_image, read_model
from condseg_app.io.file_start import reading
from condseg_app.io.labels.writer import new_folder
from condseg_app.log import explain
from condseg_app.remote.untrusted import check_untrusted
from condseg_app.tasks.output_names import output_names
from condseg_app.tasks.predict_image import Request, Segmentation, segment, write_segmentation
from condseg_app.tasks.prediction_report import (
    ClassVolume,
    ImageRecord,
    Method,
    Stamp,
    read_report,
    stamp_of,
    write_report,
)

# A disk that refuses so refuses all later files as well; any other error concerns a single image's files.
_DISK_REFUSES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)

_MOST_TOLD = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PredictionPlan:
    """Settings of predicting a folder.

    Attributes:
        model: a model's name or file.
        output: folder for the label maps.
        options: of the prediction of each image.
        device: 'auto', 'cpu', 'cuda', ...
        overwrite: whether to predict finished images again.
    """

    model: str
    output: Path
    options: PredictionOptions = field(default_factory=PredictionOptions)
    device: str = "auto"
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """Outcome of an image.

    Attributes:
        file: the image.
        stamp: of the file before reading; None where the file cannot be accessed.
        answer: the masks, or the error.
        worker: name or address of the computer that predicted.
    """

    file: Path
    stamp: Stamp | None
    answer: Segmentation | CondsegError
    worker: str = ""


@dataclass(frozen=True, eq=False)
class Stage:
    """Progress of a folder.

    Attributes:
        in_work: the images that are predicted just now.
        part: their finished part, in images.
        outcome: of an image that has just ended.
    """

    in_work: Sequence[Path]
    part: float = 0.0
    outcome: Outcome | None = None


SegmentAll = Callable[[Sequence[Path], Request], Iterator[Stage]]
"""Segments images somewhere, in any order; each image has an outcome, and a bad image raises nothing."""


@dataclass(frozen=True, eq=False)
class FolderProgress:
    """Progress of a folder, for the screen.

    Attributes:
        done: images done, of all.
        in_work: the images that are predicted just now.
        record: of an image that was skipped, or has just ended.
    """

    done: float
    in_work: Sequence[Path] = ()
    record: ImageRecord | None = None


def image_files(paths: Sequence[Path], output: Path) -> list[Path]:
    """The images of some paths, each once: files as given, folders by their readable files.

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
        folder = path.is_dir() and not is_image(path)  # a zarr folder is a single image
        for file in _images_in(path, output) if folder else (path,):
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _images_in(folder: Path, output: Path) -> list[Path]:
    """A folder's images, without hidden files; warns of subfolders that are no image and are left out."""
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
        except Exception as error:  # noqa: BLE001 - `explain` logs the error; the other images are unharmed
            yield Stage((), outcome=Outcome(file, stamp, explain(error, "Predicting")))


def predict_folder(
    files: Sequence[Path], plan: PredictionPlan, segment_all: SegmentAll = segment_here
) -> Iterator[FolderProgress]:
    """Predict images into a folder, and report on each in its report.json and report.csv.

    An image is skipped if the report says that the same file was predicted by the same method, and its masks exist.

    Raises:
        CondsegError: nothing can be predicted as planned; or the disk is full, which would stop the others as well.
            Finished images stay.
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
    """An output folder with its report: a record for each image's output name.

    Args:
        plan: the settings.
        names: image -> name of the output.
    """

    def __init__(self, plan: PredictionPlan, names: Mapping[Path, str]) -> None:
        self._names = names
        path = find_model(plan.model)
        model = read_model(path)
        self.request = Request(model, plan.options, plan.device)
        self._classes = self.request.classes
        for name in plan.options.post_processing.names:
            self._classes.row(name)  # a missing class is a single error, not an error per image
        for key in plan.options.also:
            export_format(key)  # likewise a format
        options = replace(plan.options, classes=self._classes.names)
        self._method = Method(model=model.name, model_sha256=file_hash(path), options=options)
        self._output = plan.output
        self._records = {_key(record.name): record for record in read_report(plan.output)}

    def finished(self, files: Sequence[Path]) -> dict[Path, ImageRecord]:
        """The finished images, with their records."""
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
        """Write the masks, then record the image; WriteError if the disk refuses."""
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
            return False  # predicting will give the reason

    def _written(self, outcome: Outcome, answer: Segmentation) -> ImageRecord:
        # Files of an earlier method must not count as finished once some are replaced.
        name = self._names[outcome.file]
        if self._records.pop(_key(name), None) is not None:
            self._save()
        target = self._output / name
        files, notes = write_segmentation(outcome.file, answer, self._classes, self._method, target)
        warnings = (*answer.warnings, *notes)
        for warning in warnings:
            _log.warning("%s: %s", outcome.file, warning)
        volumes = (ClassVolume.of(name, answer.voxels[name], answer.geometry) for name in self._classes.names)
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
    """A name for comparison on file systems that ignore case."""
    return name.casefold()


def _told(error: CondsegError, file: Path) -> str:
    """The error's sentence, without the image's own path."""
    return error.message if error.path in (None, file, file.resolve()) else printable(str(error))


def checked_first(segment_all: SegmentAll) -> SegmentAll:
    """The same, for images that pass the check; the others have failed."""

    def segment(files: Sequence[Path], request: Request) -> Iterator[Stage]:
        sound = []
        for file in files:
            try:
                check_untrusted(file, request.options.pick)
                sound.append(file)
            except CondsegError as error:
                yield Stage((), outcome=Outcome(file, None, error))
        yield from segment_all(sound, request)

    return segment
