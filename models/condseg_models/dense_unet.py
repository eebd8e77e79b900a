"""The densely connected, conditioned encoder-decoder of Dmitriev & Kaufman (CVPR 2019), in 2D and 3D.

Learning Multi-Class Segmentations From Single-Class Datasets. The paper's own layers are
`layer_order="activation_first"` without a norm; `"norm_first"` is the same network with instance norms, in
which the class joins after the norm and before the non-linearity.
"""

from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from condseg_models.conditioning import ClassShift, Conditioning, append_constant
from condseg_models.protocol import Condition, ConditionedModule, Features

ConditionAt = Literal["none", "input", "encoder", "decoder"]
LayerOrder = Literal["norm_first", "activation_first"]


@dataclass(frozen=True)
class DenseUNetSettings:
    """Shape of a dense U-Net.

    Attributes:
        dimensions: 2 or 3 spatial axes.
        in_channels: channels of the image.
        classes: rows of the look-up table.
        width: channels of the first convolution.
        growth: channels that each layer of a dense block adds, one number per level, top first.
        layers: layers of the dense blocks, one number per level.
        condition_at: where the class enters. 'decoder' is the paper's cond-dec, 'encoder' its cond-enc, 'input'
            its cond-2nd, 'none' its "no cond" (one output channel per class).
        conditioning: what a row of the table holds; 'input' takes 'constant' only.
        layer_order: 'norm_first' is conv, instance norm, class, LReLU; 'activation_first' is the paper's
            LReLU, conv.
        slope: of the LReLU for negative values (0.3 in the paper).
        stem_stride: 2 to work at half the image's resolution throughout.
    """

    dimensions: int = 3
    in_channels: int = 1
    classes: int = 1
    width: int = 16
    growth: tuple[int, ...] = (16, 32, 64)
    layers: tuple[int, ...] = (1, 2, 2)
    condition_at: ConditionAt = "decoder"
    conditioning: Conditioning = "film"
    layer_order: LayerOrder = "norm_first"
    slope: float = 0.01
    stem_stride: int = 1

    def __post_init__(self) -> None:
        if self.dimensions not in (2, 3):
            raise ValueError(f"a dense U-Net has 2 or 3 dimensions, not {self.dimensions}")
        if len(self.growth) != len(self.layers) or not self.growth:
            raise ValueError(f"growth {self.growth} and layers {self.layers} must name the same levels")
        _check_choice("condition_at", self.condition_at, get_args(ConditionAt))
        _check_choice("conditioning", self.conditioning, get_args(Conditioning))
        _check_choice("layer_order", self.layer_order, get_args(LayerOrder))
        if self.condition_at == "input" and self.conditioning != "constant":
            raise ValueError(f"condition_at 'input' takes conditioning 'constant', not '{self.conditioning}'")
        if self.stem_stride not in (1, 2):
            raise ValueError(f"stem_stride is 1 or 2, not {self.stem_stride}")


class DenseUNet(ConditionedModule):
    """Dense blocks joined by poolings on the way down and transposed convolutions on the way up.

    Raises:
        ValueError: an image's size is not a multiple of `stride`, or its channels are not `in_channels`.
    """

    def __init__(self, settings: DenseUNetSettings) -> None:
        super().__init__()
        self.settings = s = settings
        nd = _LAYERS[s.dimensions]
        self.conditioned_encoder = s.condition_at == "encoder"
        self.conditioned_decoder = s.condition_at == "decoder"

        stem_inputs = s.in_channels + (1 if s.condition_at == "input" else 0)
        self.stem = nd.conv(stem_inputs, s.width, 3, stride=s.stem_stride, padding=1)

        self.down_blocks, self.pools = nn.ModuleList(), nn.ModuleList()
        channels, skips = s.width, []
        for level in range(len(s.growth)):
            block = _make_block(s, channels, level, self.conditioned_encoder)
            self.down_blocks.append(block)
            skips.append(block.out_channels)
            if level + 1 < len(s.growth):
                pool, channels = _make_pool(s, block.out_channels, s.growth[level + 1])
                self.pools.append(pool)

        self.ups, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        channels = skips[-1]
        for level in reversed(range(len(s.growth) - 1)):
            self.ups.append(nd.transposed_conv(channels, s.growth[level], 2, stride=2))
            block = _make_block(s, skips[level] + s.growth[level], level, self.conditioned_decoder)
            self.up_blocks.append(block)
            # A norm keeps what each layer adds; the paper passes the whole block on.
            channels = block.out_channels if s.layer_order == "activation_first" else block.new_channels

        outputs = s.classes if s.condition_at == "none" else 1
        self.head = (
            nd.conv(channels, outputs, 1)
            if s.stem_stride == 1
            else nd.transposed_conv(channels, outputs, 2, stride=2)  # back to the image's resolution
        )

    @property
    def stride(self) -> int:
        """Each spatial size must be a multiple of this."""
        return int(self.settings.stem_stride * 2 ** (len(self.settings.growth) - 1))

    def encode(self, image: Tensor) -> Features:
        """What all classes share: skips for cond-dec, logits for "no cond", the image itself otherwise."""
        self._check(image)
        if self.settings.condition_at in ("input", "encoder"):
            return (image,)
        skips = self._down(image, None)
        return (self._up(skips, None),) if self.settings.condition_at == "none" else skips

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial) of the condition's classes; features of one image are repeated to B."""
        batch = condition.rows.shape[0]
        features = tuple(f.expand(batch, *f.shape[1:]) for f in features)
        match self.settings.condition_at:
            case "none":
                return features[0][torch.arange(batch, device=features[0].device), condition.rows].unsqueeze(1)
            case "input":
                return self._up(self._down(append_constant(features[0], condition), None), None)
            case "encoder":
                return self._up(self._down(features[0], condition), None)
            case "decoder":
                return self._up(features, condition)

    def _down(self, x: Tensor, condition: Condition | None) -> Features:
        x = self.stem(x)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down_blocks):
            x = cast("DenseBlock", block)(x, condition)  # (B, out_channels, *spatial / 2**level)
            skips.append(x)
            if level < len(self.pools):
                x = self.pools[level](x)
        return tuple(skips)

    def _up(self, skips: Features, condition: Condition | None) -> Tensor:
        x = skips[-1]
        passes_whole_block = self.settings.layer_order == "activation_first"
        for skip, up, block in zip(reversed(skips[:-1]), self.ups, self.up_blocks, strict=True):
            x = cast("DenseBlock", block)(torch.cat([skip, up(x)], dim=1), condition)
            if not passes_whole_block:
                x = x[:, -cast("DenseBlock", block).new_channels :]
        if passes_whole_block:
            x = nn.functional.leaky_relu(x, self.settings.slope)
        return cast("Tensor", self.head(x))

    def _check(self, image: Tensor) -> None:
        expected = (self.settings.in_channels, self.settings.dimensions)
        got = (image.shape[1], image.dim() - 2)
        if got != expected:
            raise ValueError(f"expected (channels, dimensions) {expected}, got {got} in shape {tuple(image.shape)}")
        if any(n % self.stride for n in image.shape[2:]):
            raise ValueError(f"sizes {tuple(image.shape[2:])} must be multiples of {self.stride}; pad the image")


class DenseBlock(nn.Module):
    """Equation 1: x_l = F_l([x_0, x_1, ..., x_(l-1)]), with the class let in at each layer.

    F_l is conv, instance norm, class, LReLU. Returns the concatenation [x_0, ..., x_L].
    """

    def __init__(self, settings: DenseUNetSettings, in_channels: int, level: int, conditioned: bool) -> None:
        super().__init__()
        nd = _LAYERS[settings.dimensions]
        growth, layers = settings.growth[level], settings.layers[level]
        self.slope = settings.slope
        self.new_channels = growth * layers
        self.out_channels = in_channels + self.new_channels
        inputs = [in_channels + growth * n for n in range(layers)]
        self.convs = nn.ModuleList(nd.conv(n, growth, 3, padding=1, bias=False) for n in inputs)
        self.norms = nn.ModuleList(nd.norm(growth, affine=True) for _ in inputs)
        self.classes = nn.ModuleList(
            ClassShift(settings.conditioning, growth, settings.classes) for _ in inputs if conditioned
        )

    def forward(self, x: Tensor, condition: Condition | None) -> Tensor:
        """Return (B, out_channels, *spatial) for (B, in_channels, *spatial)."""
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            new = norm(conv(x))
            if condition is not None:
                new = self.classes[layer](new, condition)
            x = torch.cat([x, nn.functional.leaky_relu(new, self.slope)], dim=1)
        return x


class PaperDenseBlock(nn.Module):
    """Equation 1 as the paper has it: F_l is LReLU, then conv; no norm.

    The class joins the block's input before the first non-linearity; dense connection carries it to each layer.
    """

    def __init__(self, settings: DenseUNetSettings, in_channels: int, level: int, conditioned: bool) -> None:
        super().__init__()
        nd = _LAYERS[settings.dimensions]
        growth, layers = settings.growth[level], settings.layers[level]
        self.slope = settings.slope
        self.appends = conditioned and settings.conditioning == "constant"
        self.shift = (
            ClassShift(settings.conditioning, in_channels, settings.classes)
            if conditioned and not self.appends
            else None
        )
        first = in_channels + (1 if self.appends else 0)
        self.new_channels = growth * layers
        self.out_channels = first + self.new_channels
        self.convs = nn.ModuleList(nd.conv(first + growth * n, growth, 3, padding=1) for n in range(layers))

    def forward(self, x: Tensor, condition: Condition | None) -> Tensor:
        """Return (B, out_channels, *spatial) for (B, in_channels, *spatial)."""
        if condition is not None:
            x = append_constant(x, condition) if self.appends else cast("ClassShift", self.shift)(x, condition)
        for conv in self.convs:
            x = torch.cat([x, conv(nn.functional.leaky_relu(x, self.slope))], dim=1)
        return x


def _check_choice(setting: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{setting} is one of {', '.join(choices)}, not '{value}'")


@dataclass(frozen=True)
class _Layers:
    conv: type[nn.Conv2d] | type[nn.Conv3d]
    transposed_conv: type[nn.ConvTranspose2d] | type[nn.ConvTranspose3d]
    norm: type[nn.InstanceNorm2d] | type[nn.InstanceNorm3d]
    max_pool: type[nn.MaxPool2d] | type[nn.MaxPool3d]


_LAYERS = {
    2: _Layers(nn.Conv2d, nn.ConvTranspose2d, nn.InstanceNorm2d, nn.MaxPool2d),
    3: _Layers(nn.Conv3d, nn.ConvTranspose3d, nn.InstanceNorm3d, nn.MaxPool3d),
}


def _make_block(
    settings: DenseUNetSettings, in_channels: int, level: int, conditioned: bool
) -> DenseBlock | PaperDenseBlock:
    kind = DenseBlock if settings.layer_order == "norm_first" else PaperDenseBlock
    return kind(settings, in_channels, level, conditioned)


def _make_pool(settings: DenseUNetSettings, in_channels: int, next_growth: int) -> tuple[nn.Module, int]:
    """The way to the next level and its channels: the paper's max pooling, or a strided convolution.

    A strided convolution keeps the lower levels narrow, and its gradient is deterministic on a GPU.
    """
    nd = _LAYERS[settings.dimensions]
    if settings.layer_order == "activation_first":
        return nd.max_pool(2), in_channels
    return nd.conv(in_channels, next_growth, 2, stride=2), next_growth
