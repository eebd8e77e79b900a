"""A shared encoder and a decoder for each class: the multi-head networks of DoDNet's figure 2b."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from condseg_models.dense_trunk import (
    DenseEncoder,
    TrunkSettings,
    check_image,
    decoder_layers,
    go_up,
    last_layer,
    way_up,
)
from condseg_models.protocol import Condition, ConditionedModule, Features


@dataclass(frozen=True)
class MultiHeadSettings(TrunkSettings):
    """Shape of a multi-head network.

    Attributes:
        thinner: by how much the heads' blocks grow less than the trunk's; 2 in DoDNet's comparison, for memory.
    """

    thinner: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(growth % self.thinner for growth in self.growth):
            raise ValueError(f"growth {self.growth} cannot be divided by thinner {self.thinner}")


class MultiHead(DenseEncoder, ConditionedModule):
    """A dense encoder with a decoder per class; only the classes of a batch learn from the batch.

    Raises:
        ValueError: an image's size is not a multiple of `stride`, or its channels are not `in_channels`.
    """

    def __init__(self, settings: MultiHeadSettings) -> None:
        super().__init__(settings)
        self.settings = settings
        self.heads = nn.ModuleList(_Head(settings, self.skips) for _ in range(settings.classes))

    def encode(self, image: Tensor) -> Features:
        """The skips, for all classes."""
        check_image(image, self.settings.in_channels, self.settings.dimensions, self.stride)
        return self.down(image)

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial), each sample's by the head of its class."""
        batch = condition.rows.shape[0]
        features = tuple(f.expand(batch, *f.shape[1:]) for f in features)
        return by_class(self.heads, features, condition)


def by_class(modules: nn.ModuleList, features: Features, condition: Condition) -> Tensor:
    """Logits (B, 1, *spatial), each sample's by the module of its class."""
    parts, order = [], []
    for row in torch.unique(condition.rows).tolist():
        chosen = (condition.rows == row).nonzero()[:, 0]
        parts.append(modules[row](tuple(f[chosen] for f in features)))
        order.append(chosen)
    return torch.cat(parts)[torch.cat(order).argsort()]


class _Head(nn.Module):
    def __init__(self, settings: MultiHeadSettings, skips: list[int]) -> None:
        super().__init__()
        self.trunk = settings
        self.ups, self.up_blocks, channels = decoder_layers(settings, skips, thinner=settings.thinner)
        self.last = last_layer(settings, channels, 1)

    def forward(self, skips: Features) -> Tensor:
        """Logits (B, 1, *spatial) of the class from the encoder's features."""
        logits: Tensor = self.last(go_up(self.trunk, way_up(self.ups, self.up_blocks), skips, None))
        return logits
