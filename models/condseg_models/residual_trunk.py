"""DoDNet's trunk: a 3D residual encoder-decoder with weight standardisation and group norm (its section 3.1).

The channels stop at 256, as in the published weights, which gives the paper's 17.3 million parameters.
"""

import torch
from torch import Tensor, nn

from condseg_models.layers import Conv3d, convolve

_GROUPS = 16
_BLOCKS = (1, 2, 2, 2, 2)
_WIDTHS = (32, 64, 128, 256, 256)


class StandardisedConv3d(Conv3d):
    """A convolution whose filters have mean 0 and variance 1 (Qiao et al., weight standardisation, 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shapes as Conv3d."""
        flat = self.weight.flatten(1)
        centred = flat - flat.mean(dim=1, keepdim=True)
        weight = centred / (flat.var(dim=1, keepdim=True) + 1e-12).sqrt()
        return convolve(self, x, weight.reshape(self.weight.shape), self.bias)


class ResidualTrunk(nn.Module):
    """Down over five levels, up again by interpolation, skips added.

    Args:
        in_channels: of the image.
        channels: of the output at full resolution.
    """

    descriptor_channels = _WIDTHS[-1]
    stride = 16

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.stem = _conv(in_channels, _WIDTHS[0], 3)
        self.down = nn.ModuleList()
        before = _WIDTHS[0]
        for level, (blocks, width) in enumerate(zip(_BLOCKS, _WIDTHS, strict=True)):
            first = ResidualBlock(before, width, stride=1 if level == 0 else 2)
            self.down.append(nn.Sequential(first, *(ResidualBlock(width, width) for _ in range(blocks - 1))))
            before = width
        self.fusion = nn.Sequential(*_norm_relu(before), _conv(before, before, 1))
        self.up = nn.ModuleList()
        for width in (128, 64, 32, 32):
            self.up.append(ResidualBlock(before, width))
            before = width
        self.precls = nn.Sequential(*_norm_relu(before), Conv3d(before, channels, 1))
        self.pool = nn.Sequential(*_norm_relu(_WIDTHS[-1]), nn.AdaptiveAvgPool3d(1), nn.Flatten())

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, channels, *spatial) and the descriptor (B, 256) of an image (B, C, *spatial)."""
        x = self.stem(image)
        skips: list[Tensor] = []
        for blocks in self.down:
            x = blocks(x)
            skips.append(x)  # (B, width, *spatial / 2**level)
        x = self.fusion(x)
        descriptor = self.pool(x)
        for skip, block in zip(reversed(skips[:-1]), self.up, strict=True):
            x = nn.functional.interpolate(x, scale_factor=2, mode="trilinear", align_corners=False)
            x = block(x + skip)
        return self.precls(x), descriptor


class ResidualBlock(nn.Module):
    """norm, ReLU, conv, twice, beside a shortcut, with a convolution where the shape changes."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_norm_relu(in_channels),
            _conv(in_channels, channels, 3, stride),
            *_norm_relu(channels),
            _conv(channels, channels, 3),
        )
        changes = stride != 1 or in_channels != channels
        self.shortcut = (
            nn.Sequential(*_norm_relu(in_channels), _conv(in_channels, channels, 1, stride))
            if changes
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, *spatial / stride)."""
        return torch.add(self.layers(x), self.shortcut(x))


def _conv(in_channels: int, channels: int, kernel: int, stride: int = 1) -> StandardisedConv3d:
    return StandardisedConv3d(in_channels, channels, kernel, stride, kernel // 2, bias=False)


def _norm_relu(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.GroupNorm(_GROUPS, channels), nn.ReLU()
