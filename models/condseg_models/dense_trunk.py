"""The trunk that the dense networks share: dense blocks on the way down, and on the way up again.

Dmitriev & Kaufman (CVPR 2019), equation 1 and section 3.1. The paper's own layers are
`layer_order="activation_first"` without a norm; `"norm_first"` is the same trunk with instance norms, in which
the class joins after the norm and before the non-linearity.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from condseg_models.conditioning import Conditioning
from condseg_models.dense_blocks import Block, Channels, DenseBlock, PaperDenseBlock, Told
from condseg_models.layers import spatial_layers
from condseg_models.protocol import Condition, Features

LayerOrder = Literal["norm_first", "activation_first"]
_BLOCKS: Mapping[str, type[Block]] = {
    "norm_first": DenseBlock,
    "activation_first": PaperDenseBlock,
}


@dataclass(frozen=True)
class TrunkSettings:
    """Shape of a dense trunk.

    Attributes:
        dimensions: 2 or 3 spatial axes.
        in_channels: channels of the image.
        classes: rows of the look-up table.
        width: channels of the first convolution.
        growth: channels that each layer of a dense block adds, one number per level, top first.
        layers: layers of the dense blocks, one number per level.
        layer_order: 'norm_first' is conv, instance norm, class, LReLU; 'activation_first' is the paper's
            LReLU, conv.
        slope: of the LReLU for negative values (0.3 in the paper).
        stem_stride: 2 to work at half the image's resolution throughout.
        conditioning: content of a row of the table.
        class_rank: rank of the classes' own updates of convolutions ('norm_first' only); 0 for none.
    """

    dimensions: int = 3
    in_channels: int = 1
    classes: int = 1
    width: int = 16
    growth: tuple[int, ...] = (16, 32, 64)
    layers: tuple[int, ...] = (1, 2, 2)
    layer_order: LayerOrder = "norm_first"
    slope: float = 0.01
    stem_stride: int = 1
    conditioning: Conditioning = "film"
    class_rank: int = 0

    def __post_init__(self) -> None:
        if self.dimensions not in (2, 3):
            raise ValueError(f"a dense trunk has 2 or 3 dimensions, not {self.dimensions}")
        if len(self.growth) != len(self.layers) or not self.growth:
            raise ValueError(f"growth {self.growth} and layers {self.layers} must name the same levels")
        check_choice("layer_order", self.layer_order, get_args(LayerOrder))
        check_choice("conditioning", self.conditioning, get_args(Conditioning))
        if self.class_rank and self.layer_order != "norm_first":
            raise ValueError(f"class_rank {self.class_rank} takes layer_order 'norm_first', not '{self.layer_order}'")
        if self.stem_stride not in (1, 2):
            raise ValueError(f"stem_stride is 1 or 2, not {self.stem_stride}")


class DenseEncoder(nn.Module):
    """The way down: a stem, then dense blocks joined by poolings.

    Raises:
        ValueError: an image's size is not a multiple of `stride`, or its channels are not `in_channels`.
    """

    def __init__(self, settings: TrunkSettings, conditioned: bool = False) -> None:
        super().__init__()
        self.trunk = s = settings
        nd = spatial_layers(s.dimensions)
        self.stem = nd.conv(s.in_channels, s.width, 3, stride=s.stem_stride, padding=1)
        self.down_blocks, self.pools = nn.ModuleList(), nn.ModuleList()
        self.skips: list[int] = []
        channels = s.width
        for level in range(len(s.growth)):
            block = _make_block(s, Channels(channels, s.growth[level], s.layers[level]), conditioned)
            self.down_blocks.append(block)
            self.skips.append(block.out_channels)
            if level + 1 < len(s.growth):
                pool, channels = _make_pool(s, block.out_channels, s.growth[level + 1])
                self.pools.append(pool)

    @property
    def stride(self) -> int:
        """Each spatial size must be a multiple of this."""
        return int(self.trunk.stem_stride * 2 ** (len(self.trunk.growth) - 1))

    def down(self, x: Tensor, condition: Condition | None = None) -> Features:
        """The features of every level, top first: (B, skips[level], *spatial / 2**level)."""
        x = self.stem(x)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down_blocks):
            x = block(x, condition)
            skips.append(x)
            if level < len(self.pools):
                x = self.pools[level](x)
        return tuple(skips)


class DenseTrunk(DenseEncoder):
    """Down and up again; `conditioned_levels` of the way up are told the class."""

    def __init__(
        self, settings: TrunkSettings, conditioned_encoder: bool = False, conditioned_levels: Iterable[int] = ()
    ) -> None:
        super().__init__(settings, conditioned_encoder)
        self.ups, self.up_blocks, self.out_channels = decoder_layers(settings, self.skips, conditioned_levels)

    @property
    def levels(self) -> list[tuple[nn.Module, Block]]:
        """The way up, lowest level first: how each is reached, and its block."""
        return way_up(self.ups, self.up_blocks)

    def up(self, skips: Features, condition: Condition | None = None) -> Tensor:
        """(B, out_channels, *spatial / stem_stride), ready for a last convolution."""
        return go_up(self.trunk, self.levels, skips, condition)


def decoder_layers(
    settings: TrunkSettings, skips: list[int], conditioned_levels: Iterable[int] = (), thinner: int = 1
) -> tuple[nn.ModuleList, nn.ModuleList, int]:
    """The layers of a way up, and the number of its output channels.

    Args:
        settings: of the trunk.
        skips: channels of each level of the way down.
        conditioned_levels: levels that depend on the class, 0 is the top.
        thinner: by how much its blocks grow less than those of the way down.
    """
    nd, levels = spatial_layers(settings.dimensions), set(conditioned_levels)
    ups, blocks = nn.ModuleList(), nn.ModuleList()
    channels = skips[-1]
    for level in reversed(range(len(skips) - 1)):
        growth = settings.growth[level] // thinner
        ups.append(nd.transposed_conv(channels, growth, 2, stride=2))
        block = _make_block(settings, Channels(skips[level] + growth, growth, settings.layers[level]), level in levels)
        blocks.append(block)
        channels = block.out_channels if block.passes_input_on else block.new_channels
    return ups, blocks, channels


def way_up(ups: nn.ModuleList, blocks: nn.ModuleList) -> list[tuple[nn.Module, Block]]:
    """The levels of a way up, lowest first."""
    return [(up, cast("Block", block)) for up, block in zip(ups, blocks, strict=True)]


def go_up(
    settings: TrunkSettings, levels: list[tuple[nn.Module, Block]], skips: Features, condition: Condition | None
) -> Tensor:
    """Through the levels of a way up: (B, channels, *spatial / stem_stride)."""
    x = skips[-1]
    for skip, (up, block) in zip(reversed(skips[:-1]), levels, strict=True):
        x = block.pass_on(torch.cat([skip, up(x)], dim=1), condition)
    return before_last(settings, x)


def before_last(settings: TrunkSettings, x: Tensor) -> Tensor:
    """The non-linearity before the last convolution, where the layers end in a convolution."""
    return nn.functional.leaky_relu(x, settings.slope) if settings.layer_order == "activation_first" else x


def last_layer(settings: TrunkSettings, channels: int, outputs: int) -> nn.Module:
    """From a trunk's features to outputs at the image's resolution."""
    nd = spatial_layers(settings.dimensions)
    if settings.stem_stride == 1:
        return nd.conv(channels, outputs, 1)
    return nd.transposed_conv(channels, outputs, 2, stride=2)


def check_choice(setting: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a setting's value that is none of its choices."""
    if value not in choices:
        raise ValueError(f"{setting} is one of {', '.join(choices)}, not '{value}'")


def check_image(image: Tensor, channels: int, dimensions: int, stride: int) -> None:
    """Refuse an image (B, C, *spatial) that a network does not take, with the remedy."""
    expected, got = (channels, dimensions), (image.shape[1], image.dim() - 2)
    if got != expected:
        raise ValueError(f"expected (channels, dimensions) {expected}, got {got} in shape {tuple(image.shape)}")
    if any(n % stride for n in image.shape[2:]):
        raise ValueError(f"sizes {tuple(image.shape[2:])} must be multiples of {stride}; pad the image")


def _make_block(settings: TrunkSettings, channels: Channels, conditioned: bool) -> Block:
    told = Told(settings.conditioning if conditioned else None, settings.classes, settings.class_rank)
    return _BLOCKS[settings.layer_order](settings.dimensions, channels, settings.slope, told)


def _make_pool(settings: TrunkSettings, in_channels: int, next_growth: int) -> tuple[nn.Module, int]:
    """The way to the next level and its channels: the paper's max pooling, or a strided convolution.

    A strided convolution keeps the lower levels narrow, and its gradient is deterministic on a GPU.
    """
    nd = spatial_layers(settings.dimensions)
    if settings.layer_order == "activation_first":
        return nd.max_pool(2), in_channels
    return nd.conv(in_channels, next_growth, 2, stride=2), next_growth
