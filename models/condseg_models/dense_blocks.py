"""Dense blocks (Dmitriev & Kaufman, CVPR 2019, equation 1), each in two halves.

A convolution of a concatenation is the sum of convolutions of the parts: conv([s, o]) = conv_s(s) + conv_o(o). So
`share` sums once all that does not depend on the class, and `grow` adds the class's part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from condseg_models.conditioning import ROWS, ClassMix, ClassShift, Conditioning, code_of
from condseg_models.layers import instance_norm, joined, on_first_channels, on_last_channels, over_ones, spatial_layers
from condseg_models.protocol import Condition


@dataclass(frozen=True)
class Channels:
    """Channels of a dense block's input, and channels that each layer adds."""

    given: int
    growth: int
    layers: int

    @property
    def inputs(self) -> list[int]:
        """Of each layer's input."""
        return [self.given + self.growth * n for n in range(self.layers)]

    @property
    def new(self) -> int:
        """Channels that all layers add."""
        return self.growth * self.layers

    @property
    def out(self) -> int:
        """Channels of the input and of all layers."""
        return self.given + self.new


@dataclass(frozen=True)
class Told:
    """Conditioning of a block's layers.

    Attributes:
        conditioning: content of a row of the table; None for layers without a class.
        classes: rows of the table.
        rank: of the classes' own updates of the convolutions; 0 for none.
    """

    conditioning: Conditioning | None
    classes: int
    rank: int = 0


class DenseBlock(nn.Module):
    """Equation 1: x_l = F_l([x_0, x_1, ..., x_(l-1)]), where F_l is conv, instance norm, class, LReLU.

    Only the added channels are passed on to the next level.
    """

    passes_input_on = False

    def __init__(self, dimensions: int, channels: Channels, slope: float, told: Told) -> None:
        super().__init__()
        nd, growth = spatial_layers(dimensions), channels.growth
        self.slope = slope
        self.new_channels, self.out_channels = channels.new, channels.out
        self.convs = nn.ModuleList(nd.conv(n, growth, 3, padding=1, bias=False) for n in channels.inputs)
        self.norms = nn.ModuleList(nd.norm(growth, affine=True) for _ in channels.inputs)
        shift, layers = told.conditioning, channels.inputs
        self.classes = nn.ModuleList(ClassShift(shift, growth, told.classes) for _ in layers if shift)
        self.mixes = nn.ModuleList(ClassMix(growth, told.rank, told.classes) for _ in layers if shift and told.rank)

    @property
    def conditioned(self) -> bool:
        """Whether the block depends on the class."""
        return len(self.classes) > 0

    def begin_unmoved(self) -> None:
        """Set all rows to zero: every class begins with the unconditioned block."""
        for shift in self.classes:
            nn.init.zeros_(cast("ClassShift", shift).get_parameter(ROWS))

    def forward(self, x: Tensor, condition: Condition | None) -> Tensor:
        """[x_0, ..., x_L], (B, out_channels, *spatial), of x_0 (B, in_channels, *spatial)."""
        return torch.cat([x, self.grow(self.share(x), None, condition)], dim=1)

    def pass_on(self, x: Tensor, condition: Condition | None) -> Tensor:
        """Channels for the next level of a way up, (B, new_channels, *spatial)."""
        return self.grow(self.share(x), None, condition)

    def share(self, x: Tensor) -> tuple[Tensor, ...]:
        """Each layer's sum over the first channels x of its input, (B, growth, *spatial) each."""
        return tuple(on_first_channels(conv, x) for conv in self.convs)

    def grow(self, shared: Sequence[Tensor], own: Tensor | None, condition: Condition | None) -> Tensor:
        """Channels that the layers add, (B, new_channels, *spatial).

        Args:
            shared: the sums of `share`, whose batch may be 1 for any number of classes.
            own: the channels of the block's input that `share` was not given; None if there are none.
            condition: of B classes.
        """
        known = [] if own is None else [own]
        for layer, (conv, total) in enumerate(zip(self.convs, shared, strict=True)):
            if known:
                total = on_last_channels(conv, joined(known)).add_(total)
            new = self._normalised(layer, total, condition)
            known.append(functional.leaky_relu(new, self.slope, inplace=True))
        return joined(known if own is None else known[1:])

    def _normalised(self, layer: int, x: Tensor, condition: Condition | None) -> Tensor:
        norm = cast("nn.InstanceNorm3d", self.norms[layer])
        if self.mixes and condition is not None:
            x = self.mixes[layer](x, condition)
        scale, offset = norm.weight[None], norm.bias[None]
        if self.conditioned and condition is not None:
            class_scale, class_offset = cast("ClassShift", self.classes[layer]).affine(condition)
            scale, offset = scale * class_scale, offset * class_scale + class_offset
        return instance_norm(x, scale, offset)


class PaperDenseBlock(nn.Module):
    """Equation 1 as the paper has it: F_l is LReLU, then conv; no norm. The whole block is passed on.

    With `constant`, each layer's input ends in the class's channel (equation 3); other rows shift a layer's output.
    """

    passes_input_on = True

    def __init__(self, dimensions: int, channels: Channels, slope: float, told: Told) -> None:
        super().__init__()
        nd, growth = spatial_layers(dimensions), channels.growth
        self.slope = slope
        self.conditioned = told.conditioning is not None
        self.appends = told.conditioning == "constant"
        self.new_channels, self.out_channels = channels.new, channels.out
        self.convs = nn.ModuleList(nd.conv(n + self.appends, growth, 3, padding=1) for n in channels.inputs)
        shift = None if self.appends else told.conditioning
        self.classes = nn.ModuleList(ClassShift(shift, growth, told.classes) for _ in channels.inputs if shift)

    def forward(self, x: Tensor, condition: Condition | None) -> Tensor:
        """[x_0, ..., x_L], (B, out_channels, *spatial), of x_0 (B, in_channels, *spatial)."""
        return self.pass_on(x, condition)

    def pass_on(self, x: Tensor, condition: Condition | None) -> Tensor:
        """Channels for the next level of a way up, (B, out_channels, *spatial)."""
        return torch.cat([x, self.grow(self.share(x), None, condition)], dim=1)

    def share(self, x: Tensor) -> tuple[Tensor, ...]:
        """Each layer's sum over the first channels x of its input, (B, growth, *spatial) each."""
        active = functional.leaky_relu(x, self.slope)
        return tuple(on_first_channels(conv, active) for conv in self.convs)

    def grow(self, shared: Sequence[Tensor], own: Tensor | None, condition: Condition | None) -> Tensor:
        """As `DenseBlock.grow`, with the channels `own` first in the output."""
        known = [] if own is None else [own]
        for layer, (conv, total) in enumerate(zip(self.convs, shared, strict=True)):
            if known:
                rest = functional.leaky_relu(joined(known), self.slope)
                total = on_last_channels(conv, rest, behind=int(self.appends)).add_(total)
            known.append(total if condition is None else self._told(layer, total, condition))
        return joined(known)

    def _told(self, layer: int, x: Tensor, condition: Condition) -> Tensor:
        if self.appends:
            code = functional.leaky_relu(code_of(x, condition), self.slope)
            return x + code * over_ones(self.convs[layer], tuple(x.shape[2:]))
        told: Tensor = self.classes[layer](x, condition) if self.classes else x
        return told


Block = DenseBlock | PaperDenseBlock
