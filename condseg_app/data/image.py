"""Images and volumes, with grid and source."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.geometry import Geometry
from condseg_app.errors import GeometryError, one_line, printable


class LazyArray(Protocol):
    """Array of voxels: numpy, a memory map, zarr, or a file that is read on use."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the voxels."""

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True)
class Pick:
    """Choice among several images of a file; None where nothing is to be chosen, or not yet chosen.

    Attributes:
        series: of a DICOM folder, its series instance UID.
        frame: of a series of volumes in time, from 0.
        channel: name of the channel to take of several that are no colours.
    """

    series: str | None = None
    frame: int | None = None
    channel: str | None = None


@dataclass(frozen=True, eq=False)
class Image:
    """Intensities on a grid.

    Attributes:
        array: lazy (C, I, J, K), in the file's own axes.
        geometry: the grid of (I, J, K).
        name: the name on screen.
        channels: a name per channel; ('red', 'green', 'blue') for a colour picture.
        source: the file of the image, None for an image only in memory.
        warnings: oddities of the file, a sentence each.
        pick: the choice among several images of the file.
    """

    array: LazyArray
    geometry: Geometry
    name: str = "image"
    channels: tuple[str, ...] = ("intensity",)
    source: Path | None = None
    warnings: tuple[str, ...] = field(default=())
    pick: Pick = field(default=Pick())

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", printable(self.name))
        object.__setattr__(self, "warnings", tuple(one_line(warning) for warning in self.warnings))
        expected = (len(self.channels), *self.geometry.shape)
        if tuple(self.array.shape) != expected:
            raise GeometryError(f"the array's shape {tuple(self.array.shape)} is not (channels, I, J, K) = {expected}")

    @property
    def key(self) -> str:
        """Identity of the image, the same when the file is opened again: file and pick, else the name."""
        return self.name if self.source is None else f"{self.source.resolve()} {self.pick}"

    @property
    def is_rgb(self) -> bool:
        """Whether the channels are the three of a colour picture."""
        return self.channels == ("red", "green", "blue")

    def voxels(self) -> NDArray[np.generic]:
        """All voxels in memory, (C, I, J, K)."""
        return np.asarray(self.array[...])
