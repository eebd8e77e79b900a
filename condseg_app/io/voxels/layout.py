"""Position and storage of voxels in a file: a header's claims, checked before use."""

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
    """Consecutive voxels, I fastest.

    Attributes:
        path: the requested file, for messages.
        voxels_path: the file with the voxels.
        dtype: of the stored voxels.
        shape: of the grid, (I, J, K).
        offset: of the first voxel, in bytes; for packed voxels, in unpacked bytes.
        packing: the kind of compression, if any.
        start: file position of the packed bytes.
        channels: numbers per voxel.
        interleaved: whether a voxel's channels lie together, rather than channel after channel.
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
        """Number of stored numbers."""
        return math.prod(self.shape) * self.channels

    @property
    def stored_bytes(self) -> int:
        """Size in bytes, unpacked."""
        return self.voxels * self.dtype.itemsize

    @property
    def value_type(self) -> np.dtype[np.generic]:
        """Type of the values: float32 holds scaled 16-bit numbers; wider numbers need float64."""
        if self.slope == 1.0 and self.intercept == 0.0:
            return self.dtype.newbyteorder("=")
        narrow = self.dtype.itemsize <= 2 or self.dtype == np.float32
        return np.dtype(np.float32 if narrow else np.float64)

    def check(self) -> None:
        """Compare the claimed size with the file's size.

        Raises:
            ReadError: the file cannot hold as much.
        """
        there = self.voxels_path.stat().st_size
        most = there if self.packing is None else (there - self.start) * _BEST_COMPRESSION[self.packing]
        if self.offset + self.stored_bytes > most:
            raise ReadError(
                f"the file is cut off: its header claims {self.stored_bytes:,} bytes of voxels, it has {there:,}; copy "
                "it again",
                path=self.voxels_path,
            )
