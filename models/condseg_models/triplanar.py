"""The triplanar CNN of Moeskops et al. (MICCAI 2016): a stack of small convolutions for three orthogonal planes.

Deep Learning for Multi-Task Medical Image Segmentation in Multiple Modalities. The paper classifies the centre of
51 x 51 patches; all layers are convolutions, so here the stack runs over whole planes, and a voxel at least 25
voxels from the border gets the result of its three patches.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from condseg_models.dense_trunk import check_image
from condseg_models.layers import Conv2d, Conv3d
from condseg_models.protocol import Condition, ConditionedModule, Features
from condseg_models.softmax import class_logits, members

# Axes that turn (B, C, I, J, K) into planes (B, plane, C, row, column), and the way back.
_PLANES = ((0, 4, 1, 2, 3), (0, 3, 1, 2, 4), (0, 2, 1, 3, 4))
_BACK = ((0, 2, 3, 4, 1), (0, 2, 3, 1, 4), (0, 2, 1, 3, 4))


@dataclass(frozen=True)
class TriplanarSettings:
    """Shape of a triplanar CNN.

    Attributes:
        dimensions: 3.
        in_channels: channels of the image.
        classes: rows of the look-up table, without the background.
        width: channels of each convolution; 32 in the paper.
        layers: 3 x 3 convolutions in the stack; 25 in the paper, which see 51 x 51 voxels.
        joint: channels of the two 1 x 1 layers over the three planes; 192 in the paper.
        dropout: probability in those layers.
        parts: pairs (whole's row, part's row): a part's voxels are its whole's too.
    """

    dimensions: int = 3
    in_channels: int = 1
    classes: int = 1
    width: int = 32
    layers: int = 25
    joint: int = 192
    dropout: float = 0.5
    parts: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.dimensions != 3:
            raise ValueError(f"a triplanar CNN has 3 dimensions, not {self.dimensions}")


class Triplanar(ConditionedModule):
    """Three planes through each voxel, and a softmax.

    Raises:
        ValueError: an image's channels are not `in_channels`.
    """

    members: Tensor
    # No pooling, so any size will do.
    stride = 1

    def __init__(self, settings: TriplanarSettings) -> None:
        super().__init__()
        self.settings = s = settings
        channels = [s.in_channels, *[s.width] * s.layers]
        self.stack = nn.Sequential(
            *(
                nn.Sequential(Conv2d(before, s.width, 3, padding=1), nn.BatchNorm2d(s.width), nn.ELU())
                for before in channels[:-1]
            )
        )
        self.joint = nn.Sequential(*_full(3 * s.width, s), *_full(s.joint, s), Conv3d(s.joint, 1 + s.classes, 1))
        self.register_buffer("members", members(s.classes, s.parts), persistent=False)

    def encode(self, image: Tensor) -> Features:
        """The scores of all classes (B, 1 + classes, *spatial)."""
        check_image(image, self.settings.in_channels, 3, self.stride)
        planes = [self._along(image, turn, back) for turn, back in zip(_PLANES, _BACK, strict=True)]
        return (self.joint(torch.cat(planes, dim=1)),)  # (B, 3 width, I, J, K) -> (B, 1 + classes, I, J, K)

    def scores(self, features: Features) -> tuple[Tensor, ...]:
        """The scores of `encode`."""
        return features

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial) of the classes' softmax probabilities."""
        return class_logits(features[0], condition.rows, self.members)

    def _along(self, image: Tensor, turn: tuple[int, ...], back: tuple[int, ...]) -> Tensor:
        """Features of the planes of a direction, (B, width, I, J, K)."""
        planes = image.permute(turn)  # (B, n, C, row, column)
        seen: Tensor = self.stack(planes.flatten(0, 1))
        back_in_place: Tensor = seen.unflatten(0, planes.shape[:2]).permute(back)
        return back_in_place


def _full(in_channels: int, settings: TriplanarSettings) -> tuple[nn.Module, ...]:
    """A fully connected layer, as a 1 x 1 convolution."""
    n = settings.joint
    return Conv3d(in_channels, n, 1), nn.BatchNorm3d(n), nn.ELU(), nn.Dropout(settings.dropout)
