"""A plain U-Net with a softmax over all classes, for PIPO-FAN's target adaptive loss.

Fang & Yan (IEEE TMI 2020), section III-D: the loss needs no special network.
"""

from dataclasses import dataclass

from torch import Tensor

from condseg_models.dense_trunk import DenseTrunk, TrunkSettings, check_image, last_layer
from condseg_models.protocol import Condition, ConditionedModule, Features
from condseg_models.softmax import class_logits, members


@dataclass(frozen=True)
class SoftmaxUNetSettings(TrunkSettings):
    """Shape of a U-Net with a softmax.

    Attributes:
        parts: pairs (whole's row, part's row): a part's voxels are its whole's too.
    """

    parts: tuple[tuple[int, int], ...] = ()


class SoftmaxUNet(DenseTrunk, ConditionedModule):
    """A dense U-Net with a channel for the background and a channel for each class.

    Raises:
        ValueError: an image's size is not a multiple of `stride`, or its channels are not `in_channels`.
    """

    members: Tensor

    def __init__(self, settings: SoftmaxUNetSettings) -> None:
        super().__init__(settings)
        self.settings = settings
        self.head = last_layer(settings, self.out_channels, 1 + settings.classes)
        self.register_buffer("members", members(settings.classes, settings.parts), persistent=False)

    def encode(self, image: Tensor) -> Features:
        """The scores of all classes (B, 1 + classes, *spatial)."""
        check_image(image, self.settings.in_channels, self.settings.dimensions, self.stride)
        return (self.head(self.up(self.down(image))),)

    def scores(self, features: Features) -> tuple[Tensor, ...]:
        """The scores of `encode`."""
        return features

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial) of the classes' softmax probabilities."""
        return class_logits(features[0], condition.rows, self.members)
