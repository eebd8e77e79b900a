"""Where voxels are in a file, and how they are stored: what a header claims, checked before it is believed."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from condseg_app.data import Shape
from condseg_app.errors import ReadError

Packing = Literal["gzip", "zlib", "bzip2"]

# Deflate packs no better than 1032 to 1, and bzip2 45 bytes for 45 million zeros; a header that claims more is wrong.
_BEST_COMPRESSION: dict[Packing, int] = {"gzip": 1100, "zlib": 1100, "bzip2": 1 << 21}


@dataclass(frozen=True, eq=False)
class VoxelLayout:
    """Voxels one after the other, I fastest.

    Attributes:
        path: the file that was asked for, for messages.
        voxels_path: the file with the voxels.
        dtype: of the voxels as they are stored.
        shape: of the grid, (I, J, K).
        offset: of the first voxel, in bytes; where they are packed, in unpacked bytes.
        packing: how they are packed, if they are.
        start: where the packed bytes begin in the file.
        channels: how many numbers a voxel has.
        interleaved: whether a voxel's channels lie together, rather than one channel after the other.
        slope: a value is slope * stored + intercept.
        intercept: see slope.
    """

    path: Path
    voxels_path: Path
    dtype: np.dtype[np.generic]
    shape: Shape
    offset: int = 0
    packing: Packing | None = None
    start: int = 0
    channels: int = 1
    interleaved: bool = False
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def voxels(self) -> int:
        """How many numbers there are."""
        return math.prod(self.shape) * self.channels

    @property
    def stored_bytes(self) -> int:
        """How much room they take, unpacked."""
        return self.voxels * self.dtype.itemsize

    @property
    def value_type(self) -> np.dtype[np.generic]:
        """Of the values: float32 holds scaled 16-bit numbers; wider ones need float64."""
        if self.slope == 1.0 and self.intercept == 0.0:
            return self.dtype.newbyteorder("=")
        narrow = self.dtype.itemsize <= 2 or self.dtype == np.float32
        return np.dtype(np.float32 if narrow else np.float64)

    def check(self) -> None:
        """Compare what is claimed with the file's size.

        Raises:
            ReadError: the file cannot hold so much.
        """
        there = self.voxels_path.stat().st_size
        most = there if self.packing is None else (there - self.start) * _BEST_COMPRESSION[self.packing]
        if self.offset + self.stored_bytes > most:
            raise ReadError(
                f"the file is cut off: its header claims {self.stored_bytes:,} bytes of voxels, it has {there:,}; copy "
                "it again",
                path=self.voxels_path,
            )
