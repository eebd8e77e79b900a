"""PIPO-FAN: pyramid input, pyramid output, feature adaptive fusion (Fang & Yan, IEEE TMI 2020).

The image enters at five scales; where features of several scales meet, all have gone through equally many
convolutions; each scale has an output of its own, and an attention over the scales fuses the outputs.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from condseg_models.dense_trunk import check_image
from condseg_models.layers import Conv2d
from condseg_models.protocol import Condition, ConditionedModule, Features
from condseg_models.softmax import class_logits, members

_SCALES = 5


@dataclass(frozen=True)
class PipoFanSettings:
    """Shape of a PIPO-FAN; the input is a slice with its neighbours as channels, as in the paper.

    Attributes:
        dimensions: 2.
        in_channels: channels of the image; 3 slices in the paper.
        classes: rows of the look-up table, without the background.
        width: channels at full resolution; 64 in the paper.
        parts: pairs (whole's row, part's row): a part's voxels are its whole's too.
    """

    dimensions: int = 2
    in_channels: int = 3
    classes: int = 1
    width: int = 64
    parts: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.dimensions != 2:
            raise ValueError(f"PIPO-FAN has 2 dimensions, not {self.dimensions}")


class PipoFan(ConditionedModule):
    """Pyramid in, pyramid out, fused.

    Raises:
        ValueError: an image's size is not a multiple of `stride`, or its channels are not `in_channels`.
    """

    members: Tensor

    def __init__(self, settings: PipoFanSettings) -> None:
        super().__init__()
        self.settings = settings
        w, outputs = settings.width, 1 + settings.classes
        self.stem = nn.Sequential(_conv(settings.in_channels, w), nn.BatchNorm2d(w), nn.ReLU(), _conv(w, w))
        # Convolutions that bring each scale's input to the depth of the features from the scale above.
        self.inputs = nn.ModuleList(_chain([w, 2 * w, 4 * w, 8 * w][:depth]) for depth in range(1, _SCALES))
        downs = [(2 * w, 2 * w), (4 * w, 4 * w), (8 * w, 8 * w), (16 * w, 8 * w)]
        ups = [(16 * w, 4 * w), (8 * w, 2 * w), (4 * w, w), (2 * w, w)]
        self.down = nn.ModuleList(Block(*channels) for channels in downs)
        self.up = nn.ModuleList(Block(*channels) for channels in ups)
        # Convolutions that bring each scale's output to the depth of the full resolution's, deepest scale first.
        widths = [8 * w, 4 * w, 2 * w, w, w]
        self.outputs = nn.ModuleList(_chain(widths[scale:]) for scale in range(_SCALES))
        self.heads = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(w), nn.ReLU(), Conv2d(w, outputs, 1)) for _ in range(_SCALES)
        )
        self.fusion = AdaptiveFusion(outputs)
        self.register_buffer("members", members(settings.classes, settings.parts), persistent=False)

    @property
    def stride(self) -> int:
        """Each spatial size must be a multiple of this."""
        return int(2 ** (_SCALES - 1))

    def encode(self, image: Tensor) -> Features:
        """All scores (B, 1 + classes, *spatial): the fused scores, then each scale's, full resolution first."""
        check_image(image, self.settings.in_channels, 2, self.stride)
        # Equations (table I), j < s and j = s: equally deep features of this scale and of the scale above.
        levels = [self.stem(image)]
        for level, (inputs, block) in enumerate(zip(self.inputs, self.down, strict=True), start=1):
            pyramid = inputs(self.stem(avg_pool2d(image, 2**level)))
            levels.append(block(torch.cat([max_pool2d(levels[-1], 2), pyramid], dim=1)))
        decoded = [levels[-1]]
        for skip, block in zip(reversed(levels[:-1]), self.up, strict=True):
            decoded.append(block(torch.cat([_grow(decoded[-1], skip), skip], dim=1)))
        scores = [
            _grow(head(chain(x)), image) for x, chain, head in zip(decoded, self.outputs, self.heads, strict=True)
        ][::-1]
        return (self.fusion(scores), *scores)

    def scores(self, features: Features) -> tuple[Tensor, ...]:
        """The scores of `encode`."""
        return features

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial) of the classes' fused softmax probabilities."""
        return class_logits(features[0], condition.rows, self.members)


class AdaptiveFusion(nn.Module):
    """A weight per scale from the scale's scores, and the weighted sum: equations 3 to 6."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.BatchNorm2d(outputs), nn.ReLU(), Conv2d(outputs, 1, 1), nn.BatchNorm2d(1), nn.ReLU(), _conv(1, 1)
        )

    def forward(self, scores: list[Tensor]) -> Tensor:
        """(B, outputs, *spatial) of as many scores of that shape as there are scales."""
        seen = [self.attention(score).flatten(1) for score in scores]  # equation 3
        certainty = torch.stack([x.mean(dim=1) + x.amax(dim=1) for x in seen])  # equation 4: (scales, B)
        weights = certainty.softmax(dim=0)  # equation 5
        return torch.einsum("sb,sbcij->bcij", weights, torch.stack(scores))


class Block(nn.Module):
    """norm, ReLU, convolution, twice, beside a 1x1 bridge with a norm of its own."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(),
            _conv(in_channels, channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            _conv(channels, channels),
        )
        self.bridge = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(), Conv2d(in_channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, *spatial)."""
        return torch.add(self.layers(x), self.bridge(x))


def _conv(in_channels: int, channels: int) -> Conv2d:
    return Conv2d(in_channels, channels, 3, padding=1)


def _chain(widths: list[int]) -> nn.Sequential:
    return nn.Sequential(*(Block(*channels) for channels in pairwise(widths)))


def _grow(x: Tensor, like: Tensor) -> Tensor:
    return interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=True)
