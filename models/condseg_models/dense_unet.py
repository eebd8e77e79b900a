"""The densely connected, conditioned encoder-decoder of Dmitriev & Kaufman (CVPR 2019), in 2D and 3D.

Learning Multi-Class Segmentations From Single-Class Datasets. Its layers are in `dense_trunk`; here stands where
the class enters.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from condseg_models.conditioning import append_constant
from condseg_models.dense_trunk import DenseTrunk, TrunkSettings, check_choice, check_image, last_layer
from condseg_models.protocol import Condition, ConditionedModule, Features

ConditionAt = Literal["none", "input", "encoder", "decoder", "both"]


@dataclass(frozen=True)
class DenseUNetSettings(TrunkSettings):
    """Shape of a dense U-Net: that of its trunk, and where the class enters.

    Attributes:
        condition_at: 'decoder' is the paper's cond-dec, 'encoder' its cond-enc, 'both' encoder and decoder, 'input'
            its cond-2nd, 'none' its "no cond" (one output channel per class).
        condition_levels: the levels of the decoder that get the class, 0 is the top; empty for all.
    """

    condition_at: ConditionAt = "decoder"
    condition_levels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("condition_at", self.condition_at, get_args(ConditionAt))
        if self.condition_at == "input" and self.conditioning != "constant":
            raise ValueError(f"condition_at 'input' takes conditioning 'constant', not '{self.conditioning}'")
        levels = range(len(self.growth) - 1)
        if any(level not in levels for level in self.condition_levels):
            raise ValueError(f"condition_levels {self.condition_levels} must be among {list(levels)}")
        if self.condition_levels and self.condition_at not in ("decoder", "both"):
            raise ValueError(f"condition_levels are levels of the decoder, and condition_at is '{self.condition_at}'")


class DenseUNet(DenseTrunk, ConditionedModule):
    """Dense blocks joined by poolings on the way down and transposed convolutions on the way up.

    Raises:
        ValueError: an image's size is not a multiple of `stride`, or its channels are not `in_channels`.
    """

    def __init__(self, settings: DenseUNetSettings) -> None:
        s = settings
        at_input = s.condition_at == "input"
        in_decoder = s.condition_at in ("decoder", "both")
        levels = s.condition_levels or range(len(s.growth))
        super().__init__(
            replace(s, in_channels=s.in_channels + 1) if at_input else s,
            conditioned_encoder=s.condition_at in ("encoder", "both"),
            conditioned_levels=levels if in_decoder else (),
        )
        self.settings = s
        self.head = last_layer(s, self.out_channels, s.classes if s.condition_at == "none" else 1)

    def encode(self, image: Tensor) -> Features:
        """What all classes share: skips for cond-dec, logits for "no cond", the image itself otherwise."""
        check_image(image, self.settings.in_channels, self.settings.dimensions, self.stride)
        if self.settings.condition_at in ("input", "encoder", "both"):
            return (image,)
        skips = self.down(image)
        return (self.head(self.up(skips)),) if self.settings.condition_at == "none" else skips

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial) of the condition's classes; features of one image are repeated to B."""
        batch = condition.rows.shape[0]
        features = tuple(f.expand(batch, *f.shape[1:]) for f in features)
        match self.settings.condition_at:
            case "none":
                return features[0][torch.arange(batch, device=features[0].device), condition.rows].unsqueeze(1)
            case "input":
                features = self.down(append_constant(features[0], condition))
            case "encoder" | "both":
                features = self.down(features[0], condition)
        logits: Tensor = self.head(self.up(features, condition))
        return logits
