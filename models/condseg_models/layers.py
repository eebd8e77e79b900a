"""torch's layers by the number of spatial axes, applied to parts of their input."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

Convolution = nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d

_EPSILON = 1e-5
_SMALL = 20480  # numbers of a sample, over all axes


class Conv2d(nn.Conv2d):
    """torch's, of which a sample's results are the same to the bit alone and in a batch; see `convolve`."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shapes as torch's."""
        return convolve(self, x, self.weight, self.bias)


class Conv3d(nn.Conv3d):
    """torch's, of which a sample's results are the same to the bit alone and in a batch; see `convolve`."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shapes as torch's."""
        return convolve(self, x, self.weight, self.bias)


@dataclass(frozen=True)
class SpatialLayers:
    """torch's layers for so many spatial axes."""

    conv: type[Conv2d] | type[Conv3d]
    transposed_conv: type[nn.ConvTranspose2d] | type[nn.ConvTranspose3d]
    norm: type[nn.InstanceNorm2d] | type[nn.InstanceNorm3d]
    max_pool: type[nn.MaxPool2d] | type[nn.MaxPool3d]


_LAYERS = {
    2: SpatialLayers(Conv2d, nn.ConvTranspose2d, nn.InstanceNorm2d, nn.MaxPool2d),
    3: SpatialLayers(Conv3d, nn.ConvTranspose3d, nn.InstanceNorm3d, nn.MaxPool3d),
}

_FUNCTIONS: Mapping[type[nn.Module], Callable[..., Tensor]] = {
    Conv2d: functional.conv2d,
    Conv3d: functional.conv3d,
    nn.ConvTranspose2d: functional.conv_transpose2d,
    nn.ConvTranspose3d: functional.conv_transpose3d,
}


def spatial_layers(dimensions: int) -> SpatialLayers:
    """The layers for 2 or 3 spatial axes."""
    return _LAYERS[dimensions]


def instance_norm(x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Each sample's channels (B, C, *spatial) with mean 0 and deviation 1, then scaled and shifted, (B or 1, C) each.

    An x of batch 1 serves all rows of scale and offset. Sample by sample, a batch norm is an instance norm, and
    torch's batch norm is many times quicker: torch's instance norm leaves the memory format of channels last.
    """
    batch = max(len(x), len(scale))
    samples = x.expand(batch, *x.shape[1:]).split(1)
    rows = zip(samples, scale.expand(batch, -1), offset.expand(batch, -1), strict=True)
    normed = [functional.batch_norm(one, None, None, w, b, training=True, eps=_EPSILON) for one, w, b in rows]
    return normed[0] if batch == 1 else torch.cat(normed)


def joined(parts: Sequence[Tensor]) -> Tensor:
    """The concatenation of channels, which for a single part would be a copy."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=1)


def on_first_channels(layer: nn.Module, x: Tensor) -> Tensor:
    """A convolution's sum over the first channels of its input, those of x, with the bias."""
    return _on_channels(layer, x, 0)


def on_last_channels(layer: nn.Module, x: Tensor, behind: int = 0) -> Tensor:
    """A convolution's sum over the last channels of its input, those of x; with the bias only if x is all of the input.

    Args:
        layer: the convolution.
        x: (B, c, *spatial).
        behind: further channels of the input that come after those of x and are left out.
    """
    return _on_channels(layer, x, as_convolution(layer).in_channels - behind - x.shape[1])


def _on_channels(layer: nn.Module, x: Tensor, first: int) -> Tensor:
    conv, part = as_convolution(layer), slice(first, first + x.shape[1])
    weight = conv.weight[part] if conv.transposed else conv.weight[:, part]
    return convolve(conv, x, weight, conv.bias if first == 0 else None)


def convolve(conv: Convolution, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution with given weights, with the same bits for single windows and for batches.

    On a CPU PyTorch leaves a single small sample to other code than a batch, whose sums differ in the last bits; so
    such a sample is given a twin.
    """
    alone = len(x) == 1 and x.numel() <= _SMALL and x.device.type == "cpu"
    many = torch.cat([x, x]) if alone else x  # `expand` would lose the memory format
    function = next(f for kind, f in _FUNCTIONS.items() if isinstance(conv, kind))
    found = function(many, weight, bias, stride=conv.stride, padding=conv.padding)
    return found[:1] if alone else found


def as_convolution(layer: nn.Module) -> Convolution:
    """A layer, typed as a convolution.

    Raises:
        TypeError: the layer is no convolution.
    """
    if not isinstance(layer, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        raise TypeError(f"{type(layer).__name__} is no convolution")
    return layer


def over_ones(layer: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """A convolution's sum, (1, out, *shape), over a last input channel that is 1 everywhere.

    With a kernel of 3 and zeros around the image there are at most 3**d values: inside, at faces, edges, corners.
    """
    conv = as_convolution(layer)
    weight = conv.weight[:, -1:]
    table = convolve(conv, weight.new_ones(1, 1, *(min(n, 3) for n in shape)), weight, None)
    for axis, n in enumerate(shape, start=2):
        index = torch.arange(n, device=weight.device)
        table = table.index_select(axis, index.clamp(max=1) + (index == n - 1) if n > 3 else index)
    return table
