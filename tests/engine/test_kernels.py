"""How convolutions run: right before quick, and the usual way unless another one is quicker by far."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from condseg_app.engine.networks import memory_format
from condseg_app.engine.predict import kernels
from condseg_app.engine.predict.kernels import Kernels, kernels_for
from condseg_app.errors import CondsegError

CPU = torch.device("cpu")
USUAL, CONTIGUOUS = Kernels(), Kernels(channels_last=False)
SHORT, HALF = Kernels(dtype=torch.bfloat16), Kernels(dtype=torch.float16)


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Each test chooses for itself, and the choice of this process is the machine's own."""
    kernels_for.cache_clear()
    yield
    kernels_for.cache_clear()


def times(monkeypatch: pytest.MonkeyPatch, seconds: dict[Kernels, float]) -> None:
    """Stand-in for the clock."""

    def told(_layer: object, asked: Sequence[Kernels]) -> list[float]:
        return [seconds[one] for one in asked]

    monkeypatch.setattr(kernels._Layer, "seconds", told)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({CONTIGUOUS: 0.9, SHORT: 0.7, HALF: 0.7}, USUAL),
        ({CONTIGUOUS: 1.0, SHORT: 0.6, HALF: 0.5}, SHORT),
        ({CONTIGUOUS: 1.0, SHORT: 1.0, HALF: 0.5}, HALF),
        (
            {CONTIGUOUS: 0.1, replace(SHORT, channels_last=False): 1.0, replace(HALF, channels_last=False): 1},
            CONTIGUOUS,
        ),
    ],
)
@pytest.mark.parametrize("spatial", [2, 3])
def test_another_way_must_be_quicker_by_far(
    monkeypatch: pytest.MonkeyPatch, spatial: int, seconds: dict[Kernels, float], expected: Kernels
) -> None:
    times(monkeypatch, {USUAL: 1.0, **seconds})
    assert kernels._quickest(kernels._Layer(CPU, spatial)) == expected


def test_a_cpu_computes_as_ever_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    times(monkeypatch, {USUAL: 1.0, CONTIGUOUS: 0.1, SHORT: 0.1, HALF: 0.1})
    assert kernels_for(CPU, 2) == kernels_for(CPU, 3) == USUAL
    assert memory_format(2, CPU) == torch.channels_last
    assert memory_format(3, CPU) == torch.channels_last_3d


def test_the_choice_is_made_once_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "condseg_app"):
        assert kernels_for(CPU, 2) is kernels_for(CPU, 2)
    assert [record.message for record in caplog.records] == [f"convolutions with 2 axes on cpu: {kernels_for(CPU, 2)}"]


@pytest.mark.parametrize("wrong", [0.1, float("nan")])
def test_wrong_convolutions_are_refused(monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    right = functional.conv2d

    def broken(x: Tensor, weight: Tensor, padding: int) -> Tensor:
        found = right(x, weight, padding=padding)
        return found if x.dtype == torch.float64 else found + wrong * found.abs().max()

    monkeypatch.setattr(functional, "conv2d", broken)
    with pytest.raises(CondsegError, match=r"PyTorch \d.* computes wrong convolutions on the device 'cpu'"):
        kernels_for(CPU, 2)


def test_a_quick_way_that_is_wrong_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    right = kernels._Layer.error
    monkeypatch.setattr(
        kernels._Layer, "error", lambda layer, asked: right(layer, asked) if asked == USUAL else float("nan")
    )
    times(monkeypatch, {USUAL: 1.0, CONTIGUOUS: 0.1, SHORT: 0.1})
    assert kernels._quickest(kernels._Layer(CPU, 2)) == USUAL
