"""The densely connected, conditioned encoder-decoder of Dmitriev & Kaufman (CVPR 2019), in 2D and 3D.

Learning Multi-Class Segmentations From Single-Class Datasets. The layers are in `dense_trunk`; this module lets the
class in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from condseg_models.conditioning import ROWS, append_constant
from condseg_models.dense_blocks import DenseBlock
from condseg_models.dense_trunk import (
    DenseTrunk,
    TrunkSettings,
    before_last,
    check_choice,
    check_image,
    last_layer,
)
from condseg_models.layers import on_first_channels, on_last_channels
from condseg_models.protocol import Condition, ConditionedModule, Features

OWN_ENCODER = f"own_encoder_{ROWS}"
"""The tensor that says which classes are encoded for themselves: 1 or 0, (classes, 1)."""
ConditionAt = Literal["none", "input", "encoder", "decoder", "both"]


@dataclass(frozen=True)
class DenseUNetSettings(TrunkSettings):
    """Shape of a dense U-Net: that of its trunk, and where the class enters.

    Attributes:
        condition_at: 'decoder' is the paper's cond-dec, 'encoder' its cond-enc, 'both' encoder and decoder, 'input'
            its cond-2nd, 'none' its "no cond" (an output channel per class).
        condition_levels: the levels of the decoder that get the class, 0 is the top; empty for all.
        own_encoders: whether a row may also hold scales, offsets and low-rank updates for the encoder ('decoder' and
            `class_rank` only). A class with such a row is encoded for itself; all others still share an encoder pass.
    """

    condition_at: ConditionAt = "decoder"
    condition_levels: tuple[int, ...] = ()
    own_encoders: bool = False

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
        learnt = self.conditioning != "constant" and self.class_rank > 0
        if self.own_encoders and not (learnt and self.condition_at == "decoder"):
            raise ValueError("own_encoders takes condition_at 'decoder', a class_rank, and rows that are learnt")


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
            conditioned_encoder=s.condition_at in ("encoder", "both") or s.own_encoders,
            conditioned_levels=levels if in_decoder else (),
        )
        self.settings = s
        self._first_told = next((n for n, (_, block) in enumerate(self.levels) if block.conditioned), 0)
        self.head = last_layer(s, self.out_channels, s.classes if s.condition_at == "none" else 1)
        if s.own_encoders:
            self.register_parameter(OWN_ENCODER, nn.Parameter(torch.zeros(s.classes, 1)))
            for block in self.down_blocks:
                cast("DenseBlock", block).begin_unmoved()

    def encode(self, image: Tensor) -> Features:
        """Features of all classes: the decoder's sums for cond-dec, logits for "no cond", else the image itself."""
        check_image(image, self.settings.in_channels, self.settings.dimensions, self.stride)
        if self.settings.condition_at in ("input", "encoder", "both"):
            return (image,)
        skips = self.down(image)
        if self.settings.condition_at == "none":
            return (self.head(self.up(skips)),)
        shared = self._share(skips)
        return (image, *shared) if self.settings.own_encoders else shared

    def encode_for(self, image: Tensor, condition: Condition) -> Features:
        """`encode`, without the shared features if all of these classes have encoders of their own."""
        if not (self.settings.own_encoders and self._own(condition).all()):
            return self.encode(image)
        check_image(image, self.settings.in_channels, self.settings.dimensions, self.stride)
        return (image,)

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial) of the condition's classes; features of an image serve any number of classes."""
        batch = condition.rows.shape[0]
        if self.settings.condition_at == "decoder":
            return self._each(features, condition) if self.settings.own_encoders else self._answer(features, condition)
        image = features[0].expand(batch, *features[0].shape[1:])
        if self.settings.condition_at == "none":
            return image[torch.arange(batch, device=image.device), condition.rows].unsqueeze(1)
        at_input = self.settings.condition_at == "input"
        skips = self.down(append_constant(image, condition)) if at_input else self.down(image, condition)
        logits: Tensor = self.head(self.up(skips, condition))
        return logits

    def _each(self, features: Features, condition: Condition) -> Tensor:
        """Logits from the shared features, or from an own encoder pass where a class's row asks for that."""
        own = self._own(condition)
        if own.is_meta or own.all():
            image = features[0].expand(len(own), *features[0].shape[1:])
            return self._answer(self._share(self.down(image, condition)), condition)
        if not own.any():
            return self._answer(features[1:], condition)
        groups = [own.nonzero()[:, 0], (~own).nonzero()[:, 0]]
        answers = [self._each(*_samples(features, condition, group)) for group in groups]
        return torch.cat(answers)[torch.cat(groups).argsort()]

    def _own(self, condition: Condition) -> Tensor:
        """True for classes with an encoder of their own, (B,)."""
        return self.get_parameter(OWN_ENCODER)[condition.rows, 0] > 0.5

    def _share(self, skips: Features) -> Features:
        """Class-independent sums of the decoder, in the order of `_answer`.

        They are complete up to the first conditioned level; from there on they hold the skips' part of each sum.
        """
        x = skips[-1]
        shared: list[Tensor] = []
        for level, (skip, (up, block)) in enumerate(zip(reversed(skips[:-1]), self.levels, strict=True)):
            if level < self._first_told:
                x = block.pass_on(torch.cat([skip, up(x)], dim=1), None)
                continue
            shared.extend(self._share_onward(up, x) if level > self._first_told else ())
            x = skip if level > self._first_told else torch.cat([skip, up(x)], dim=1)
            shared.extend(block.share(x))
        return (*shared, *self._share_onward(self.head, before_last(self.settings, x)))

    def _share_onward(self, layer: nn.Module, x: Tensor) -> Features:
        """A layer's sum over the part of its input that a block passes on, if any."""
        return (on_first_channels(layer, x),) if self.up_blocks[0].passes_input_on else ()

    def _answer(self, features: Features, condition: Condition) -> Tensor:
        shared, own = iter(features), None
        for up, block in self.levels[self._first_told :]:
            own = None if own is None else self._onward(up, own, shared)
            own = block.grow(list(islice(shared, len(block.convs))), own, condition)
        return self._onward(self.head, before_last(self.settings, cast("Tensor", own)), shared)

    def _onward(self, layer: nn.Module, own: Tensor, shared: Iterator[Tensor]) -> Tensor:
        total = on_last_channels(layer, own)
        return total + next(shared) if self.up_blocks[0].passes_input_on else total


def _samples(features: Features, condition: Condition, group: Tensor) -> tuple[Features, Condition]:
    """Some samples of a batch; features of a single image serve all samples."""
    parts = tuple(f if len(f) == 1 else f[group] for f in features)
    return parts, Condition(condition.rows[group], condition.codes[group])
