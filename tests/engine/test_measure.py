"""What a model costs."""

from collections.abc import Callable

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from condseg_app.data import Image, Model
from condseg_app.engine.measure import cost
from condseg_app.engine.networks import build_network, condition_for


def flop_of_a_whole_pass(model: Model) -> int:
    network = build_network(model, torch.device("cpu"))
    shown = torch.zeros(1, 1, *model.preprocessing.window)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(shown, condition_for(model.classes, [model.classes.names[0]], shown.device))
    return int(counter.get_total_flops())


@pytest.mark.parametrize("condition_at", ["decoder", "encoder", "none"])
def test_an_image_is_encoded_once_for_all_classes(
    make_model: Callable[..., Model], make_image: Callable[..., Image], condition_at: str
) -> None:
    names = ("liver", "spleen", "kidney")
    found = cost(make_model("3D", names=names, condition_at=condition_at), make_image("3D"), "cpu")
    one = flop_of_a_whole_pass(make_model("3D", names=names, condition_at=condition_at)) / 1e9
    assert found.gflop_one == pytest.approx(one)
    if condition_at == "encoder":
        assert found.gflop_all == pytest.approx(3 * one)  # nothing can be shared
    elif condition_at == "decoder":
        assert one < found.gflop_all < 3 * one
    else:
        assert found.gflop_all == pytest.approx(one)


def test_parameters_are_the_numbers_learnt_and_seconds_are_taken(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model = make_model("3D")
    found = cost(model, make_image("3D"), "cpu")
    assert found.parameters == sum(w.size for w in model.weights.values())
    assert found.seconds_one > 0
    assert found.seconds_all > 0
