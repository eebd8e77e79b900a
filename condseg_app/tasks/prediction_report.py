"""Reports of predictions into a folder: report.json, for resuming, and report.csv for spreadsheets."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_serializer, model_validator

from condseg_app import __version__
from condseg_app.data import Geometry, PredictionOptions, voxel_size
from condseg_app.errors import ReadError
from condseg_app.io.atomic import atomic_files
from condseg_app.io.file_start import reading

JSON_NAME, CSV_NAME = "report.json", "report.csv"

VolumeUnit = Literal["ml", "mm²", "mm³", "pixels"]

_COLUMNS = (
    *("image", "status", "error", "warnings", "seconds", "device", "worker"),
    *("model", "model_sha256", "software", "files"),
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stamp(_Strict):
    """Stamp that shows a file's change: size in bytes and time of change, in nanoseconds since 1970."""

    size: int
    modified_ns: int


class Method(_Strict):
    """All that a prediction depends on besides the image: another method gives other masks.

    Attributes:
        model: the model's name.
        model_sha256: of the model's file.
        options: with the requested classes by name. In files all options stand beside the model.
    """

    model: str
    model_sha256: str
    options: PredictionOptions

    @model_validator(mode="before")
    @classmethod
    def _of_file(cls, content: object) -> object:
        if not isinstance(content, dict) or "options" in content:
            return content
        found, pick = (
            {key: value for key, value in content.items() if key in names}
            for names in (("model", "model_sha256"), ("series", "frame", "channel"))
        )
        options = {key: value for key, value in content.items() if key not in found and key not in pick}
        return {**found, "options": {**options, "pick": pick}}

    @model_serializer
    def _for_file(self) -> dict[str, object]:
        options = asdict(self.options)
        pick = options.pop("pick")
        return {"model": self.model, "model_sha256": self.model_sha256, **options, **pick}


class ClassVolume(_Strict):
    """Volume of a class in an image; a whole includes the parts."""

    name: str
    voxels: int
    volume: float
    unit: VolumeUnit

    @classmethod
    def of(cls, name: str, voxels: int, geometry: Geometry) -> "ClassVolume":
        """Volume of a voxel count: in ml (mm² of a slice), in mm³ on a grid in µm, in pixels without voxel sizes."""
        volume = voxels * voxel_size(geometry)
        if geometry.unit == "pixel":
            return cls(name=name, voxels=voxels, volume=volume, unit="pixels")
        if geometry.is_2d:
            return cls(name=name, voxels=voxels, volume=volume, unit="mm²")
        in_ml = geometry.unit == "mm"
        return cls(name=name, voxels=voxels, volume=volume if in_ml else 1000 * volume, unit="ml" if in_ml else "mm³")


class ImageRecord(_Strict):
    """Result for an image.

    Attributes:
        name: of the output: the image's name without the ending, made unique.
        image: the image's file.
        stamp: of the file before reading; None if no file was found.
        method: of the prediction.
        status: 'done' in this run, 'skipped' because an earlier run had done the image, or 'failed'.
        error: reason of the failure, a sentence.
        warnings: about the image, a sentence each.
        seconds: for reading and predicting.
        planned_mb: planned peak memory of predicting, in megabytes.
        device: of the computation.
        worker: this computer's name, or the address of an engine's worker.
        volumes: of each class.
        files: the written files, as paths from the report's folder.
        software: program and version.
    """

    name: str
    image: str
    stamp: Stamp | None
    method: Method
    status: Literal["done", "skipped", "failed"]
    error: str = ""
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    planned_mb: float = 0.0
    device: str = ""
    worker: str = ""
    volumes: tuple[ClassVolume, ...] = ()
    files: tuple[str, ...] = ()
    software: str = f"condseg {__version__}"

    def is_finished(self, stamp: Stamp, method: Method, folder: Path) -> bool:
        """Whether there is nothing to do: same image, same method, and all that was written is still there."""
        same = self.status != "failed" and self.stamp == stamp and self.method == method
        return same and all((folder / file).exists() for file in self.files)


class _Report(_Strict):
    kind: Literal["condseg-predictions"] = Field(default="condseg-predictions", alias="schema")
    version: Literal[1] = 1
    images: tuple[ImageRecord, ...] = ()


def stamp_of(path: Path) -> Stamp:
    """A file's stamp; of both files for a pair of .hdr and .img, of all files in a zarr folder.

    Raises:
        ReadError: a missing or inaccessible file.
    """
    pair = [path.with_suffix(ending) for ending in (".hdr", ".img")] if path.suffix in (".hdr", ".img") else []
    with reading(path):
        found = [path.stat(), *(other.stat() for other in pair if other != path and other.exists())]
        if path.is_dir():
            found += [inside.stat() for inside in path.rglob("*")]
    return Stamp(size=sum(s.st_size for s in found), modified_ns=max(s.st_mtime_ns for s in found))


def read_report(folder: Path) -> tuple[ImageRecord, ...]:
    """The records of an output folder; none before the first report.

    Raises:
        ReadError: a damaged or foreign report.json.
    """
    path = folder / JSON_NAME
    if not path.exists():
        return ()
    with reading(path):
        content = path.read_bytes()
    try:
        return _Report.model_validate_json(content).images
    except ValidationError as error:
        raise ReadError("is no report of predictions; move it away, or choose another output", path=path) from error


def write_report(folder: Path, records: Iterable[ImageRecord]) -> None:
    """Write both files, or neither.

    Raises:
        WriteError: the disk is full or refuses; the files that stood there are untouched.
    """
    report = _Report(images=tuple(records))
    with atomic_files((folder / JSON_NAME, folder / CSV_NAME)) as (as_json, as_csv):
        as_json.write_text(report.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        as_csv.write_text(_csv(report.images), encoding="utf-8", newline="")


def _csv(records: Iterable[ImageRecord]) -> str:
    """A line for each image; two columns for each class, a single column where volumes are pixels anyway."""
    rows = [_row(record) for record in records]
    classes = dict.fromkeys(column for row in rows for column in row if column not in _COLUMNS)
    text = io.StringIO()
    writer = csv.DictWriter(text, (*_COLUMNS, *classes), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(record: ImageRecord) -> dict[str, object]:
    row: dict[str, object] = {
        **record.model_dump(include={"image", "status", "error", "device", "worker", "software"}),
        "seconds": f"{record.seconds:.2f}",
        "model": record.method.model,
        "model_sha256": record.method.model_sha256,
        "warnings": "; ".join(record.warnings),
        "files": "; ".join(record.files),
    }
    for found in record.volumes:
        row[f"{found.name} ({found.unit})"] = f"{found.volume:.6g}"
        if found.unit != "pixels":
            row[f"{found.name} (voxels)"] = found.voxels
    return row
