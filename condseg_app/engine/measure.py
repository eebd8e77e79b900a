"""Costs of a model: parameters, arithmetic per window, seconds per volume."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from condseg_app.data import Image, Model
from condseg_app.engine.devices import pick_device
from condseg_app.engine.networks import condition_for
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.engine.predict.window_network import prediction_network
from condseg_app.engine.predict.windows import network_window
from condseg_models import count_parameters


@dataclass(frozen=True)
class Cost:
    """Costs of a prediction.

    Attributes:
        parameters: learnt numbers.
        gflop_one: 10^9 floating-point operations for a window and a class (a multiply-add counts as two).
        gflop_all: the same for all classes of the table, the window encoded once.
        seconds_one: for a volume and a class; median.
        seconds_all: for a volume and all classes; median.
    """

    parameters: int
    gflop_one: float
    gflop_all: float
    seconds_one: float
    seconds_all: float


@torch.inference_mode()
def cost(model: Model, image: Image, device: str = "auto", repeats: int = 1) -> Cost:
    """Count and time a model on an image; a single class and all classes are timed in turn.

    The model should have predicted something before, for a first prediction takes longer.
    """
    picked = pick_device(device)
    network = prediction_network(model, picked)
    window = network_window(model.preprocessing, network.stride)
    spatial = window if model.preprocessing.dimensions == "3D" else window[:2]
    shown = torch.zeros(1, model.preprocessing.network_channels, *spatial, device=picked)
    features = network.encode(shown)
    names = model.classes.names

    def decode(name: str) -> object:
        return network.decode(features, condition_for(model.classes, [name], shown.device))

    decoding = sum(_flop(partial(decode, name)) for name in names)
    encoding = _flop(partial(network.encode, shown))
    one, every = _seconds(
        [partial(predict_whole, model, image, asked, device) for asked in (names[:1], names)], repeats
    )
    return Cost(
        count_parameters(network),
        (encoding + decoding / len(names)) / 1e9,
        (encoding + decoding) / 1e9,
        one,
        every,
    )


def _flop(compute: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        compute()
    return int(counter.get_total_flops())


def _seconds(tasks: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Median time of each of two alternating tasks."""
    taken: list[list[float]] = [[] for _ in tasks]
    for _turn in range(repeats):
        for task, times in zip(tasks, taken, strict=True):
            started = time.perf_counter()
            task()
            times.append(time.perf_counter() - started)
    return [float(np.median(times)) for times in taken]
