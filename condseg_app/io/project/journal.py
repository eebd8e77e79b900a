"""The journal of unsaved work: an append-only log of changes, each with a checksum.

A file begins with `_MAGIC`. A record is the length and the CRC-32 of its packed bytes (two little-endian uint32), and
the packed bytes (zlib): the length of a header (uint32), the header as JSON, and the boxes' voxels one after the other.
A header holds the manifest where that changed, and the place of each box. A record that was cut or damaged ends the
journal; every record before counts.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ChunkedAnnotation, ClassId, Geometry, Project, ProjectImage, Region
from condseg_app.errors import CondsegError, ReadError, WriteError
from condseg_app.io.file_start import reading
from condseg_app.io.project.manifest import manifest_of, read_manifest

SUFFIX = ".journal"
_MAGIC = b"CONDSEG JOURNAL 1\n"
_FRAME = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_MOST_UNPACKED = 64 << 20  # bytes of a record, more than any writer makes
_BOXES = 8 << 20  # bytes of voxels in a record, about

Box = tuple[int, ClassId, Region, NDArray[np.uint8]]
"""Index of an image, class, place, and annotation values."""


@dataclass(frozen=True, eq=False)
class Kept:
    """Work that a journal kept.

    Attributes:
        project: the work; probabilities are not kept.
        folder: of the project that was open; None for unsaved work without a project.
        is_cut: whether the journal's end is damaged, so that the last moments may be lost.
    """

    project: Project
    folder: Path | None
    is_cut: bool


class Journal:
    """A journal that is written.

    A failed write leaves the file as it was before, and is made up for by the next write, since each change is told
    from the last project that was written.

    Args:
        path: of the new file.
        folder: of the open project; None without.

    Raises:
        WriteError: the disk refuses.
    """

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        self.path, self.folder = path, folder
        self._written, self._manifest = Project(), ""
        self._end = 0
        self._append(_MAGIC)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._end

    def write(self, project: Project) -> None:
        """Add all that changed since the last call; on the disk when this returns.

        Raises:
            WriteError: the disk refuses; the journal holds what it held.
        """
        manifest = manifest_of(project, self.path.parent, {})
        folder = None if self.folder is None else str(self.folder)
        listed = [sorted(image.annotations) for image in project.images]
        header = {"manifest": manifest, "annotated": listed, "folder": folder}
        text = json.dumps(header)
        records = [_packed(boxes) for boxes in _in_records(_changed(self._written, project))]
        if text != self._manifest:
            records.insert(0, _packed([], header))
        if records:
            self._append(b"".join(records))
        self._written, self._manifest = project, text

    def restart(self, project: Project) -> None:
        """Write a project as the only content, in place of all changes so far.

        Raises:
            WriteError: the disk refuses; the journal holds what it held.
        """
        path = self.path.with_suffix(".new")
        try:
            beside = Journal(path, self.folder)
            beside.write(project)
            path.replace(self.path)
        except (OSError, WriteError):
            path.unlink(missing_ok=True)
            raise
        self._written, self._manifest, self._end = beside._written, beside._manifest, beside._end

    def _append(self, data: bytes) -> None:
        try:
            with self.path.open("r+b" if self._end else "wb") as file:
                file.seek(self._end)
                try:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(self._end)
                    raise
        except OSError as error:
            raise WriteError(
                f"unsaved work cannot be kept against a crash ({error.strerror}); free the disk", path=self.path
            ) from error
        self._end += len(data)


def read_journal(path: Path) -> Kept | None:
    """Work that a journal kept; None for a journal without work.

    Raises:
        ReadError: not a journal, or of another program's version.
    """
    with reading(path):
        data = path.read_bytes()
    if not data.startswith(_MAGIC):
        if _MAGIC.startswith(data):
            return None  # cut before anything was done
        raise ReadError("is not a journal of this program's version; update the program", path=path)
    kept: Kept | None = None
    whole = len(_MAGIC)
    for end, header, body in _records(data):
        whole = end
        try:
            kept = _after(kept, header, body, path)
        except (KeyError, TypeError, ValueError, IndexError, CondsegError) as error:
            raise ReadError(f"has a record that makes no sense ({error}); nothing of it is used", path=path) from error
    return None if kept is None else replace(kept, is_cut=whole != len(data))


def _changed(before: Project, after: Project) -> Iterator[Box]:
    """The boxes in which annotations differ."""
    earlier = {_key(image): image for image in before.images}
    for at, image in enumerate(after.images):
        old = earlier.get(_key(image))
        for class_id, annotation in image.annotations.items():
            known = None if old is None else old.annotations.get(class_id)
            if annotation is not known:
                for region in annotation.changes_from(known):
                    yield at, class_id, region, annotation.read(region)


def _in_records(boxes: Iterator[Box]) -> Iterator[list[Box]]:
    """Boxes in records of limited size."""
    gathered: list[Box] = []
    size = 0
    for box in boxes:
        gathered.append(box)
        size += box[3].size
        if size >= _BOXES:
            yield gathered
            gathered, size = [], 0
    if gathered:
        yield gathered


def _packed(boxes: list[Box], header: dict[str, Any] | None = None) -> bytes:
    places = [[at, class_id, [[part.start, part.stop] for part in region]] for at, class_id, region, _ in boxes]
    text = json.dumps({**(header or {}), "boxes": places}).encode()
    voxels = [np.ascontiguousarray(values).tobytes() for *_, values in boxes]
    packed = zlib.compress(b"".join((_LENGTH.pack(len(text)), text, *voxels)), 1)
    return _FRAME.pack(len(packed), zlib.crc32(packed)) + packed


def _records(data: bytes) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """Each whole record: where it ends, header and voxels."""
    at = len(_MAGIC)
    while at + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, at)
        packed = data[at + _FRAME.size : at + _FRAME.size + length]
        if len(packed) < length or zlib.crc32(packed) != checksum:
            return
        at += _FRAME.size + length
        content = zlib.decompressobj().decompress(packed, _MOST_UNPACKED)
        size = _LENGTH.unpack_from(content)[0]
        yield at, json.loads(content[_LENGTH.size : _LENGTH.size + size]), content[_LENGTH.size + size :]


def _after(kept: Kept | None, header: dict[str, Any], body: bytes, path: Path) -> Kept:
    """The work after a further record."""
    if "manifest" in header:
        project = read_manifest(header["manifest"], path).as_project(path.parent.resolve())
        project = _with_earlier(project, header["annotated"], kept)
        folder = header["folder"]
        kept = Kept(project, None if folder is None else Path(folder), is_cut=False)
    if kept is None:
        raise ValueError("boxes before any image")
    return replace(kept, project=_with_boxes(kept.project, header["boxes"], body))


def _with_earlier(project: Project, listed: list[list[ClassId]], kept: Kept | None) -> Project:
    """A project of a new manifest with the annotations known before; new annotations are empty."""
    earlier = {} if kept is None else {_key(image): image for image in kept.project.images}
    images = []
    for image, ids in zip(project.images, listed, strict=True):
        known = earlier[_key(image)].annotations if _key(image) in earlier else {}
        empty = ChunkedAnnotation.empty(image.geometry.shape)
        images.append(replace(image, annotations={i: known.get(i, empty) for i in ids}))
    return replace(project, images=tuple(images))


def _with_boxes(project: Project, places: list[Any], body: bytes) -> Project:
    images, at = list(project.images), 0
    for index, class_id, bounds in places:
        region, shape = _region(bounds, images[index].geometry)
        count = int(np.prod(shape))
        values = np.frombuffer(body, np.uint8, count, at).reshape(shape)
        at += count
        image = images[index]
        edited = image.annotations[class_id].edited(region, values)
        images[index] = replace(image, annotations={**image.annotations, class_id: edited})
    return replace(project, images=tuple(images))


def _region(bounds: list[list[int]], geometry: Geometry) -> tuple[Region, tuple[int, ...]]:
    i, j, k = (slice(int(first), int(last)) for first, last in bounds)
    shape = tuple(part.stop - part.start for part in (i, j, k))
    if any(not 0 <= p.start < p.stop <= n for p, n in zip((i, j, k), geometry.shape, strict=True)):
        raise ValueError("a box outside of the image")
    return (i, j, k), shape


def _key(image: ProjectImage) -> tuple[object, ...]:
    """Identity of an image on its grid."""
    return image.file.path, image.pick, image.geometry.shape
