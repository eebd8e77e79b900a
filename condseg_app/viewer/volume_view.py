"""The turn between slices and the whole volume in 3D."""

from napari.components import ViewerModel
from psygnal import SignalInstance

from condseg_app.viewer.reduced import ReducedVolume
from condseg_app.viewer.results import Results


class VolumeView:
    """Turns into 3D and back; a large volume is reduced before napari reads all of it.

    Args:
        viewer: the viewer.
        reduced: stands in for a large volume.
        results: layers that the reduced volume replaces.
        notice: emits messages to the user.
    """

    def __init__(self, viewer: ViewerModel, reduced: ReducedVolume, results: Results, notice: SignalInstance) -> None:
        self._viewer, self._reduced, self._results, self._notice = viewer, reduced, results, notice
        self._point: tuple[float, ...] = ()

    def turn(self) -> None:
        """Switch between slices and the whole volume."""
        dims, reduced = self._viewer.dims, self._reduced
        into_3d = dims.ndisplay == 2 and dims.ndim >= 3
        if reduced.is_on and not into_3d:
            reduced.leave()
            return
        is_preparing = reduced.is_on and not reduced.is_leaving
        reduced.clear()
        if is_preparing:  # asked twice
            self._notice.emit("")
            return
        if into_3d and reduced.is_needed:
            self._notice.emit("Preparing the 3D view…")
            self._prepare()
            return
        dims.ndisplay = 3 if into_3d else 2
        self._viewer.reset_view()

    def follow(self) -> None:
        """Take over napari's turn into 3D or back."""
        self._results.conflicts.draw_in_2d_only()
        self._keep_slice()
        if not self._reduced.is_due:
            self._reduced.leave()
        elif self._reduced.is_leaving:  # turned again meanwhile
            self._reduced.clear()
        if self._reduced.is_due and not self._reduced.is_on:  # not by `turn`
            self._prepare()
            self._reduced.hide_images()
        if self._reduced.is_due:
            self._notice.emit("3D shows every few voxels of this large volume; slices show all of them.")

    def _keep_slice(self) -> None:
        """Turn back to the slice of before; napari turns to the camera's centre, the middle of the volume."""
        dims = self._viewer.dims
        if dims.ndisplay == 3:
            self._point = dims.point
        elif len(self._point) == dims.ndim:
            dims.point = self._point

    def leave_reduced(self) -> None:
        """Turn back to slices if the volume is reduced, or about to be."""
        if self._reduced.is_on:
            self._viewer.dims.ndisplay = 2
            self._reduced.clear()

    def _prepare(self) -> None:
        self._reduced.prepare(self._results.covers(), self._results.fused)
