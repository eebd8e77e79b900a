"""Connections and calls that end with their widget."""

from collections.abc import Callable
from typing import Any

from psygnal import SignalInstance
from qtpy.QtCore import QObject, QTimer

from condseg_app.viewer import LayerBinding


class Connections:
    """Connects psygnal signals for a Qt object and disconnects when the object is destroyed.

    psygnal knows nothing of Qt: a slot of a widget whose C++ side is gone would raise.
    """

    def __init__(self, owner: QObject) -> None:
        self._made: list[tuple[SignalInstance, Callable[..., Any]]] = []
        owner.destroyed.connect(lambda: self.end())  # a bound method would be held weakly, and gone by then

    def to(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        """Connect a signal to a slot."""
        signal.connect(slot)
        self._made.append((signal, slot))

    def each(self, slot: Callable[..., Any], *signals: SignalInstance) -> None:
        """Connect several signals to a slot."""
        for signal in signals:
            self.to(signal, slot)

    def end(self) -> None:
        """Disconnect all signals."""
        made, self._made = self._made, []
        for signal, slot in made:
            signal.disconnect(slot, missing_ok=True)


def class_signals(binding: LayerBinding) -> tuple[SignalInstance, ...]:
    """Emitted when something is different for the current class; also when the brush is taken up or put down."""
    session = binding.session
    opened = (session.images.changed, session.models.changed, session.jobs.changed, session.annotations.changed)
    drawn = (session.drawing.rule_changed, binding.annotation.in_hand)
    return *opened, session.classes.changed, session.classes.current_changed, *drawn


def delay(owner: QObject, milliseconds: int, do: Callable[[], object]) -> QTimer:
    """A timer that calls a function so long after each start, and ends with its owner."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(do)
    return timer


def soon(owner: QObject, do: Callable[[], object]) -> None:
    """Call a function when Qt is idle, unless the owner is gone by then."""
    timer = delay(owner, 0, lambda: do())
    timer.timeout.connect(timer.deleteLater)
    timer.start()
