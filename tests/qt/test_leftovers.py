"""Image after image leaves nothing behind: no callbacks, no widgets, no validators, no layers."""

import gc
import sys
import time
from collections.abc import Iterator
from weakref import ref

import numpy as np
import psutil
import pytest
from app_model.expressions import Context, get_context
from napari.components import ViewerModel
from napari.qt import QtViewer
from napari.settings import get_settings
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QIntValidator
from qtpy.QtWidgets import QApplication

from condseg_app.qt import leftovers as leftovers_module
from condseg_app.qt.leftovers import Leftovers, return_freed_memory


@pytest.fixture
def leftovers(canvas: QtViewer) -> Iterator[Leftovers]:
    owner = QObject()
    made = Leftovers(canvas.viewer, owner)
    yield made
    made.close()


def change_image(viewer: ViewerModel) -> None:
    """Open and close an image, with the mouse over the canvas."""
    image = viewer.add_image(np.zeros((4, 5, 6), np.int16))
    viewer.add_labels(np.zeros((4, 5, 6), np.uint8))
    viewer.layers.selection = set()
    viewer.cursor.position = (1, 2, 3)
    viewer.update_status_from_cursor()
    del image
    viewer.layers.clear()
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def kept(canvas: QtViewer) -> dict[str, int]:
    """Numbers of objects that might outlive an image."""
    gc.collect()
    settings = get_settings()
    groups = (settings.application, settings.appearance, settings.experimental)
    own = get_context(canvas.viewer.layers)
    assert own is not None
    contexts = [own, *(context for context in own.maps if isinstance(context, Context))]
    return {
        "settings": sum(len(emitter.callbacks) for group in groups for emitter in group.events.emitters.values()),
        "contexts": sum(len(context.changed) for context in contexts),
        "validators": sum(issubclass(type(found), QIntValidator) for found in gc.get_objects()),
        "widgets": len(QApplication.allWidgets()),
    }


def grown(canvas: QtViewer, before: dict[str, int]) -> dict[str, int]:
    """By how many objects more are kept than before."""
    return {name: number - before[name] for name, number in kept(canvas).items() if number > before[name]}


def test_nothing_grows_from_image_to_image(canvas: QtViewer, leftovers: Leftovers) -> None:
    change_image(canvas.viewer)
    leftovers.release()
    before = kept(canvas)
    for _ in range(10):
        change_image(canvas.viewer)
        leftovers.release()
    assert grown(canvas, before) == {}


def test_removed_layers_are_followed_by_a_release(
    canvas: QtViewer, leftovers: Leftovers, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, release = kept(canvas), leftovers_module.forget_dead_settings
    found: list[dict[str, int]] = []

    def look_and_release() -> None:
        found.append(grown(canvas, before))
        release()

    monkeypatch.setattr(leftovers_module, "forget_dead_settings", look_and_release)
    change_image(canvas.viewer)
    qtbot.waitUntil(lambda: bool(found), timeout=20000)
    assert found[0]["settings"] > 0
    assert grown(canvas, before) == {}


def test_a_removed_layer_is_freed(canvas: QtViewer, leftovers: Leftovers) -> None:
    removed = ref(canvas.viewer.add_image(np.zeros((4, 5, 6), np.int16)))
    change_image(canvas.viewer)
    leftovers.release()
    gc.collect()
    assert removed() is None


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_freed_memory_is_given_back_while_the_caller_gets_on() -> None:
    shortest_stop = min(longest_stop_of_giving_back() for _ in range(3))  # others use this machine, too
    assert shortest_stop < 0.05


def longest_stop_of_giving_back() -> float:
    """Seconds for which the calling thread stood still at most, though it needs memory all the time."""
    blocks = [np.ones(1 << 13) for _ in range(3000)]  # 64 kB each, which the allocator cuts from its heap
    kept = blocks[::16]  # the heap can't just be shortened
    del blocks
    before = psutil.Process().memory_info().rss
    end, longest, last = time.monotonic() + 20, 0.0, time.monotonic()
    return_freed_memory()
    while psutil.Process().memory_info().rss > before - 50_000_000:
        assert len(np.ones(1 << 13)) == 1 << 13
        now = time.monotonic()
        longest, last = max(longest, now - last), now
        assert now < end
    del kept
    return longest
