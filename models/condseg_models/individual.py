"""A whole network for each class: the "indivs" of Dmitriev & Kaufman, the "Multi-Nets" of DoDNet's authors."""

from dataclasses import replace

from torch import Tensor, nn

from condseg_models.dense_trunk import DenseTrunk, TrunkSettings, check_image, last_layer
from condseg_models.multi_head import by_class
from condseg_models.protocol import Condition, ConditionedModule, Features


class Individual(ConditionedModule):
    """Dense U-Nets that share nothing but the file; only the classes of a batch learn from the batch.

    Raises:
        ValueError: an image's size is not a multiple of `stride`, or its channels are not `in_channels`.
    """

    def __init__(self, settings: TrunkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.networks = nn.ModuleList(_SingleClass(replace(settings, classes=1)) for _ in range(settings.classes))

    @property
    def stride(self) -> int:
        """Each spatial size must be a multiple of this."""
        return int(self.settings.stem_stride * 2 ** (len(self.settings.growth) - 1))

    def encode(self, image: Tensor) -> Features:
        """The image itself: nothing is shared."""
        check_image(image, self.settings.in_channels, self.settings.dimensions, self.stride)
        return (image,)

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial), each sample's by the network of its class."""
        batch = condition.rows.shape[0]
        return by_class(self.networks, (features[0].expand(batch, *features[0].shape[1:]),), condition)


class _SingleClass(DenseTrunk):
    def __init__(self, settings: TrunkSettings) -> None:
        super().__init__(settings)
        self.head = last_layer(settings, self.out_channels, 1)

    def forward(self, features: Features) -> Tensor:
        """Logits (B, 1, *spatial) of the class."""
        logits: Tensor = self.head(self.up(self.down(features[0])))
        return logits
