"""Voxels of a DICOM stack: each slice is decoded at first use, and kept."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels

from condseg_app.data.regions import lengths
from condseg_app.errors import ReadError
from condseg_app.io.dicom.bits import settled
from condseg_app.io.dicom.header import open_in_pieces, telling
from condseg_app.io.dicom.pixels import SliceKind
from condseg_app.io.dicom.slices import DicomSlice
from condseg_app.io.voxels.lazy import LazyVoxels
from condseg_app.io.voxels.regions import box_of
from condseg_app.io.voxels.scratch import ScratchArray
from condseg_app.memory import has_room, require_memory


class DicomVoxels(LazyVoxels):
    """Voxels (C, I, J, K), scaled and in native byte order.

    Only the slices that an index needs are decoded, each once. All slices are kept in memory if that leaves as much
    memory free, else in a temporary file. A missing slice holds the lowest value of the previous slice.
    """

    def __init__(self, slices: Sequence[DicomSlice | None], path: Path) -> None:
        """Take slices in the order along K; the first and last are present.

        Args:
            slices: of equal size; None for a missing slice.
            path: opened file or folder, named in errors.
        """
        self._slices, self._path = tuple(slices), path
        there = [one for one in slices if one is not None]
        kind = there[0].kind
        self.shape: tuple[int, ...] = (kind.channels, kind.columns, kind.rows, len(self._slices))
        self.dtype: np.dtype[np.generic] = _value_type(there)
        self._ready = np.zeros(len(self._slices), np.bool_)
        self._memory: NDArray[np.generic] | None = None
        self._disk: tuple[ScratchArray, ...] = ()
        self._lock = Lock()

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Any numpy index; ReadError if a file is damaged or gone, OutOfMemory if the voxels do not fit."""
        box, rest = box_of(key, self.shape)
        channel, i, j, k = box
        with self._lock:
            self._make_room()
            self._make_ready(range(k.start, k.stop))
            if self._memory is not None:
                return np.array(self._memory[box][rest])
            require_memory(math.prod(lengths(box)) * self.dtype.itemsize, self._path)
            planes = [plane[i, j, k] for plane in self._disk[channel]]
            return np.reshape(planes, lengths(box))[rest]  # type: ignore[no-any-return]

    def __getstate__(self) -> dict[str, object]:
        """Travel between processes as the slices to read, without decoded voxels."""
        return {"slices": self._slices, "path": self._path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["slices"], state["path"])  # type: ignore[misc]  # no other state is kept

    def _make_room(self) -> None:
        if self._memory is not None or self._disk:
            return
        channels, i, j, k = self.shape
        if has_room(math.prod(self.shape) * self.dtype.itemsize):
            self._memory = np.zeros((k, j, i, channels), self.dtype).transpose(3, 2, 1, 0)
        else:
            self._disk = tuple(ScratchArray((i, j, k), self.dtype) for _ in range(channels))

    def _make_ready(self, wanted: range) -> None:
        """Decode the wanted slices that are not ready."""
        lacking = {one: n for n in wanted if not self._ready[n] and (one := self._slices[n]) is not None}
        for one, stored in decoded(tuple(lacking)):
            self._keep(lacking[one], self._scaled(stored, one))
        for number in wanted:
            if not self._ready[number]:
                self._keep(number, np.full(self.shape[:3], self._lowest_before(number)))

    def _keep(self, number: int, values: NDArray[np.generic]) -> None:
        """Keep a slice's values (C, I, J)."""
        if self._memory is not None:
            self._memory[..., number] = values
        for plane, part in zip(self._disk, values, strict=False):
            i, j = (slice(0, n) for n in part.shape)
            plane.write((i, j, slice(number, number + 1)), part[..., np.newaxis])
        self._ready[number] = True

    def _lowest_before(self, number: int) -> np.generic:
        before = next(one for one in self._slices[number::-1] if one is not None)
        ((one, stored),) = decoded((before,))
        return self._scaled(stored, one).min()  # type: ignore[no-any-return]

    def _scaled(self, stored: NDArray[Any], one: DicomSlice) -> NDArray[Any]:
        if one.slope == 1 and one.intercept == 0:
            return stored.astype(self.dtype, copy=False)
        if self.dtype.kind == "i":
            return (stored.astype(np.int32) + int(one.intercept)).astype(self.dtype)
        values = stored.astype(self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # non-finite values are reported at opening
            values *= one.slope
            values += one.intercept
        return values


def decoded(slices: Sequence[DicomSlice]) -> Iterator[tuple[DicomSlice, NDArray[Any]]]:
    """Slices with their pixels as stored, (C, I, J), slice by slice.

    A file is opened once for successive slices.

    Raises:
        ReadError: a file is cut off, damaged or gone.
        OutOfMemory: a slice does not fit.
    """
    for path, run in groupby(slices, key=lambda one: one.path):
        frames = [list(of_frame) for _, of_frame in groupby(run, key=lambda one: one.frame)]
        kind = frames[0][0].kind
        require_memory(kind.columns * kind.rows * kind.channels * kind.dtype.itemsize * len(frames[0]), path)
        with ExitStack() as opened:
            with telling(path):
                file = opened.enter_context(open_in_pieces(path))
            indices = [of_frame[0].frame for of_frame in frames]
            source = _loaded(path, kind) if kind.is_implicit else file
            pixels: Any = iter_pixels(source, indices=indices, **_options(kind))
            opened.enter_context(closing(pixels))
            for of_frame in frames:
                with telling(path):
                    found = next(pixels, None)
                for one in of_frame:
                    yield one, _planes(found, one)


def _loaded(path: Path, kind: SliceKind) -> Dataset:
    """A whole file, for pydicom does not find packed pixels behind implicit elements."""
    require_memory(2 * path.stat().st_size, path)
    with telling(path):
        data = pydicom.dcmread(path, force=True)
        data.file_meta.TransferSyntaxUID = kind.syntax
        return data


def _options(kind: SliceKind) -> dict[str, Any]:
    """Options of pydicom, also where the file lacks the elements; bits and signs are handled here."""
    options: dict[str, Any] = {
        "transfer_syntax_uid": kind.syntax,
        "decoding_plugin": kind.decoder,
        "bits_allocated": kind.bits.allocated,
        "bits_stored": kind.bits.most,
        "pixel_representation": int(kind.bits.signed),
        "samples_per_pixel": kind.stored,
        "photometric_interpretation": kind.photometric,
        "correct_unused_bits": False,
        "apply_j2k_sign_correction": False,
        "apply_jls_sign_correction": False,
    }
    return options if kind.stored == 1 else {**options, "planar_configuration": kind.planar}


def _planes(pixels: NDArray[Any] | None, one: DicomSlice) -> NDArray[Any]:
    """A decoded frame, or the part that is a slice, as (C, I, J)."""
    if pixels is None:
        raise ReadError(f"ends before its frame {one.frame}; copy it again", path=one.path)
    planes, tile, kind = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels, one.tile, one.kind
    rows, columns = (kind.rows, kind.columns) if tile is None else (tile.frame_rows, tile.frame_columns)
    claimed = (rows, columns, kind.stored)
    if planes.shape != claimed:
        raise ReadError(f"its pixels have shape {planes.shape}, not {claimed} as claimed; copy it again", path=one.path)
    if kind.stored == 1 and planes.dtype.kind in "iu":
        planes = settled(planes, kind.bits)
    if kind.palette is not None:
        planes = kind.palette.of(planes[..., 0])
    if tile is not None:
        planes = planes[tile.row : tile.row + kind.rows, tile.column : tile.column + kind.columns]
    return planes.transpose(2, 1, 0)


def _value_type(slices: Sequence[DicomSlice]) -> np.dtype[np.generic]:
    """The stored type, int16 where scaling only shifts and fits, else float32; wide numbers need float64."""
    stored = np.result_type(*{one.kind.dtype for one in slices})
    scalings = {(one.slope, one.intercept) for one in slices}
    if scalings == {(1.0, 0.0)}:
        return stored
    shifts = [intercept for slope, intercept in scalings if slope == 1 and intercept.is_integer()]
    if stored.kind in "iu" and len(shifts) == len(scalings):
        lows, highs = zip(*(_range(one) for one in slices), strict=True)
        limits = np.iinfo(np.int16)
        if min(lows) + min(shifts) >= limits.min and max(highs) + max(shifts) <= limits.max:
            return np.dtype(np.int16)
    return np.dtype(np.float32 if stored.itemsize <= 2 or stored == np.float32 else np.float64)


def _range(one: DicomSlice) -> tuple[int, int]:
    """The lowest and highest number that can be stored; decoding drops unused bits."""
    bits = min(one.kind.bits.most, 8 * one.kind.dtype.itemsize)
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if one.kind.dtype.kind == "i" else (0, (1 << bits) - 1)
