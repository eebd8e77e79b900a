"""Tiles: parts of an image with the windows that they need."""

from dataclasses import dataclass, replace

from condseg_app.data import Region
from condseg_app.data.regions import common, meet
from condseg_app.engine.predict.windows import WindowGrid
from condseg_app.engine.preprocess import WorkingGrid


@dataclass(frozen=True)
class Tile:
    """A part of an image's grid that is computed in one go.

    Attributes:
        grid: the whole image's.
        part: of the image's own grid.
        working: region of the working grid that the part is resampled from.
        windows: windows of the whole image that reach that region.
        seen: region of the working grid that the windows cover.
    """

    grid: WorkingGrid
    part: Region
    working: Region
    windows: WindowGrid
    seen: Region

    @classmethod
    def of(cls, part: Region, grid: WorkingGrid, windows: WindowGrid, neighbours: int) -> "Tile":
        """The scope of a part, for a network that is shown so many neighbours of each slice."""
        working = grid.needed_by(part)
        reaching = replace(windows, starts=tuple(s for s in windows.starts if meet(windows.inside(s), working)))
        return cls(grid, part, working, reaching, reaching.seen(neighbours))

    def inside(self, window: int) -> Region:
        """Intersection of a window with `working`."""
        i, j, k = map(common, self.windows.inside(self.windows.starts[window]), self.working)
        return i, j, k

    def turned(self, working: Region) -> Region:
        """The voxels of the part in which a region of the working grid has a share, on the image's turned axes."""
        touched = (taps.touched_by(met) for taps, met in zip(self.grid.back, working, strict=True))
        i, j, k = map(common, touched, self.grid.turn(self.part))
        return i, j, k
