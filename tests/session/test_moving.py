"""Computing elsewhere: from the next job on, and without losing the one under way."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condseg_app.data import ChunkedAnnotation, DeviceInfo
from condseg_app.errors import EngineLost
from condseg_app.remote import Endpoint
from condseg_app.session import LessonResult, fusing
from tests.classes import complete_names, id_of, ids_of

WORKSTATION = Endpoint("workstation:8786", Path("engine.pem"))


@pytest.fixture
def left() -> threading.Event:
    """Set when the engine elsewhere is closed."""
    return threading.Event()


@pytest.fixture
def elsewhere(desk: Any, left: threading.Event) -> Any:
    """An engine at another place."""
    engine = type(desk.tools)(place=WORKSTATION)
    engine.close = left.set
    return engine


def test_a_session_at_rest_moves_at_once(desk: Any, elsewhere: Any, left: threading.Event) -> None:
    desk.session.computing.find_device()
    desk.finish()
    desk.session.computing.use_engine(elsewhere)
    assert desk.session.computing.place == WORKSTATION
    known = desk.session.computing.device
    assert known is None, "it has not answered yet"
    desk.finish()
    assert desk.session.computing.device.name == "stand-in"
    desk.session.predictions.start()
    desk.finish()
    assert desk.tools.calls == 0
    assert elsewhere.calls > 0
    assert complete_names(desk.session) == {"liver", "spleen", "kidney"}
    desk.session.computing.use_engine(desk.tools)
    assert desk.session.computing.place is None
    assert left.wait(5), "an engine that is left is let go"


def test_a_prediction_under_way_finishes_where_it_began(desk: Any, elsewhere: Any) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    gate.release(1)
    desk.until(lambda: desk.session.state.state_of(id_of(desk.session, "liver")) == "filling")
    desk.session.computing.use_engine(elsewhere)
    assert "finishes where it is" in desk.heard.notices[-1]
    assert desk.session.computing.place is None
    desk.finish()
    assert desk.session.state.state_of(id_of(desk.session, "liver")) == "complete"
    assert elsewhere.calls == 0
    assert desk.session.computing.place == WORKSTATION


def test_what_is_asked_meanwhile_is_computed_elsewhere(desk: Any, elsewhere: Any, volume: Any) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    gate.release(1)
    desk.until(lambda: desk.session.state.state_of(id_of(desk.session, "liver")) == "filling")
    desk.session.computing.use_engine(elsewhere)
    desk.session.predictions.start(ids_of(desk.session, ["spleen"]))
    assert desk.session.computing.place == WORKSTATION
    desk.finish()
    assert {name for _, name in elsewhere.asked} == {"spleen", "liver"}, "liver had not been finished"
    assert complete_names(desk.session) == {"spleen", "liver"}
    np.testing.assert_array_equal(
        fusing.mask(desk.session.state, id_of(desk.session, "spleen")), volume.voxels()[0] == 2
    )
    assert desk.heard.failures == []


def test_a_lesson_under_way_is_not_lost(desk: Any, elsewhere: Any) -> None:
    everywhere = np.ones(desk.session.state.image.geometry.shape, bool)
    desk.session.annotations.put(id_of(desk.session, "liver"), ChunkedAnnotation.of(everywhere, everywhere))
    gate = desk.hold()
    desk.session.lessons.start(id_of(desk.session, "liver"), steps=20)
    gate.release(1)
    assert desk.tools.entered.acquire(timeout=5)
    desk.session.computing.use_engine(elsewhere)
    desk.finish()
    assert isinstance(desk.session.state.lesson_result, LessonResult)
    assert desk.session.computing.place == WORKSTATION


def test_an_engine_that_is_left_has_nothing_more_to_say(desk: Any, elsewhere: Any) -> None:
    asked, go = threading.Event(), threading.Event()

    def device() -> DeviceInfo:
        asked.set()
        assert go.wait(20)
        raise EngineLost("it was ended")

    desk.tools.device = device
    desk.session.computing.find_device()
    assert asked.wait(5)
    desk.session.computing.use_engine(elsewhere)
    go.set()
    desk.finish()
    assert desk.heard.failures == []
    assert desk.session.computing.device.name == "stand-in"
