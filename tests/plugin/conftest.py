"""napari's own fixtures want a clean table."""

import pytest


@pytest.fixture(autouse=True)
def _no_viewers_of_other_tests() -> None:
    """Forget the app's canvases: napari's fixture takes any that other tests have left for a leak of its own.

    They are closed; pytest keeps them alive for its report of the test.
    """
    from napari._qt.qt_viewer import QtViewer

    QtViewer._instances.clear()
