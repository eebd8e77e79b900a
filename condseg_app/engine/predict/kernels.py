"""Choice of convolution kernels on a device: checked once a process, and timed on a GPU.

Margins are wide, so that a device's choice, and with it a prediction's last bits, does not change from run to run.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from condseg_app.errors import CondsegError
from condseg_models.layers import instance_norm

_logger = logging.getLogger(__name__)
_CONTIGUOUS_MARGIN = 1.25
_SHORT_MARGIN = 1.5
_ROUNDS = 8
_SHAPES = {2: (64, 80, 80), 3: (32, 32, 24, 8)}  # channels first
# Of the largest result. TF32 and bfloat16 stay below a third of this; wrong kernels are off by far more.
_TOLERANCE = 0.01


@dataclass(frozen=True)
class Kernels:
    """Settings of convolutions.

    Attributes:
        channels_last: whether channels are the quickest axis in memory; the usual choice on CPUs and tensor cores.
        dtype: of inputs and weights; sums, and all that must be exact, stay in float32.
        alike: whether a sample's results are the same to the bit in batches of any size.
    """

    channels_last: bool = True
    dtype: torch.dtype = torch.float32
    alike: bool = True

    def memory_format(self, spatial: int) -> torch.memory_format:
        """For tensors with 2 or 3 spatial axes."""
        if not self.channels_last:
            return torch.contiguous_format
        return torch.channels_last_3d if spatial == 3 else torch.channels_last

    def autocast(self, device: torch.device) -> torch.autocast:
        """A context in which networks compute so."""
        short = self.dtype != torch.float32
        return torch.autocast(device.type, self.dtype if short else None, enabled=short)


@cache
def kernels_for(device: torch.device, spatial: int) -> Kernels:
    """The quickest correct kernels of a device, for 2 or 3 spatial axes; takes a moment the first time.

    Raises:
        CondsegError: the device's convolutions are wrong.
    """
    layer = _Layer(device, spatial)
    usual = Kernels()
    off = layer.error(usual)
    if not off <= _TOLERANCE:  # NaN is wrong as well
        raise CondsegError(
            f"PyTorch {torch.__version__} computes wrong convolutions on the device '{device}' (off by {off:.0%}); "
            "choose another device, or install another version of PyTorch or of the device's driver"
        )
    # On a busy CPU the clock errs by more than the margin, and two processes of the same computer would differ.
    chosen = usual if device.type == "cpu" else _quickest(layer)
    chosen = replace(chosen, alike=layer.alike(chosen))
    _logger.info("convolutions with %d axes on %s: %s", spatial, device, chosen)
    return chosen


def _quickest(layer: "_Layer") -> Kernels:
    """Choose by the clock; of types shorter than float32 the type that cannot overflow comes first."""
    chosen = _quicker(layer, Kernels(), [Kernels(channels_last=False)], _CONTIGUOUS_MARGIN)
    short = [replace(chosen, dtype=dtype) for dtype in (torch.bfloat16, torch.float16)]
    return _quicker(layer, chosen, short, _SHORT_MARGIN)


def _quicker(layer: "_Layer", usual: Kernels, others: Sequence[Kernels], margin: float) -> Kernels:
    """The first other choice that is correct and quicker by the margin, else the usual choice."""
    right = [kernels for kernels in others if layer.error(kernels) <= _TOLERANCE]
    if not right:
        return usual
    seconds = dict(zip((usual, *right), layer.seconds((usual, *right)), strict=True))
    return next((kernels for kernels in right if seconds[usual] >= margin * seconds[kernels]), usual)


class _Layer:
    """A layer like the networks', of numbers that are always the same."""

    def __init__(self, device: torch.device, spatial: int) -> None:
        self._device, self._spatial = device, spatial
        numbers = torch.Generator().manual_seed(0)
        channels = _SHAPES[spatial][0]
        self._x = torch.randn(1, *_SHAPES[spatial], generator=numbers)
        self._weight = torch.randn(channels, channels, *[3] * spatial, generator=numbers)
        self._rows = torch.ones(1, channels, device=device)
        # A few channels are enough to compare, and float64 is slow.
        self._right = self._convolve(self._x.double(), self._weight[:4].double())

    @torch.inference_mode()
    def error(self, kernels: Kernels) -> float:
        """Largest error of a convolution, as a part of the largest result."""
        with kernels.autocast(self._device):
            found = self._convolve(*self._placed(kernels))[:, :4].cpu().double()
        return float((found - self._right).abs().max() / self._right.abs().max())

    @torch.inference_mode()
    def alike(self, kernels: Kernels) -> bool:
        """Whether more samples change nothing for the first; small samples never come alone (`convolve`)."""
        x, weight = self._placed(kernels)
        small = x[..., :8, :8].contiguous(memory_format=kernels.memory_format(self._spatial))
        with kernels.autocast(self._device):
            return all(
                torch.equal(*(self._convolve(one.expand(n, *one.shape[1:]), weight)[0] for n in sizes))
                for one, sizes in ((x, (1, 2)), (x, (1, 3)), (small, (2, 3)))
            )

    @torch.inference_mode()
    def seconds(self, all_kernels: Sequence[Kernels]) -> list[float]:
        """The least time of each choice; the choices take turns, so that a busy machine slows all alike."""
        placed = [self._placed(kernels) for kernels in all_kernels]
        rounds = [
            [self._timed(kernels, *tensors) for kernels, tensors in zip(all_kernels, placed, strict=True)]
            for _ in range(1 + _ROUNDS)
        ]
        return [min(times) for times in zip(*rounds[1:], strict=True)]  # the first round warms up

    def _timed(self, kernels: Kernels, x: Tensor, weight: Tensor) -> float:
        start = time.perf_counter()
        with kernels.autocast(self._device):
            normed = instance_norm(self._convolve(x, weight), self._rows, self._rows)
            functional.leaky_relu(normed)[0, 0].sum().item()  # which waits for the device
        return time.perf_counter() - start

    def _placed(self, kernels: Kernels) -> tuple[Tensor, Tensor]:
        layout = kernels.memory_format(self._spatial)
        return self._x.to(self._device, memory_format=layout), self._weight.to(self._device, memory_format=layout)

    def _convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        convolve = functional.conv3d if self._spatial == 3 else functional.conv2d
        return convolve(x, weight, padding=1)
