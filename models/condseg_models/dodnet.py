"""DoDNet: a dynamic on-demand network (Zhang, Xie, Xia & Shen, CVPR 2021).

Everything but the last three 1x1 layers is shared between the classes; those are made on demand by a controller.
"""

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor

from condseg_models.dense_trunk import DenseTrunk, TrunkSettings, check_choice, check_image
from condseg_models.dynamic_head import Controller, dynamic_head
from condseg_models.layers import spatial_layers
from condseg_models.protocol import Condition, ConditionedModule, Features
from condseg_models.residual_trunk import ResidualTrunk

_HEAD_CHANNELS = 8


@dataclass(frozen=True)
class DoDNetSettings(TrunkSettings):
    """Shape of a DoDNet.

    Attributes:
        shape: 'residual' is the paper's trunk, in 3D; 'dense' the trunk of the other networks here, for fair
            comparison (only then do width, growth, layers, ... count).
        outputs_per_task: classes that share a task and so a head; organ and tumour in the paper. A class's row is
            task * outputs_per_task + output.
    """

    shape: Literal["residual", "dense"] = "residual"
    outputs_per_task: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("shape", self.shape, ("residual", "dense"))
        if self.classes % self.outputs_per_task:
            raise ValueError(f"{self.classes} classes cannot be tasks of {self.outputs_per_task} outputs each")
        if self.shape == "residual" and self.dimensions != 3:
            raise ValueError("the residual trunk is for 3 dimensions; choose shape 'dense'")
        if self.stem_stride != 1:
            raise ValueError("a dynamic head works at full resolution; choose stem_stride 1")


class DoDNet(ConditionedModule):
    """A trunk for all classes, a controller, and the head that the controller makes.

    Raises:
        ValueError: an image's size is not a multiple of `stride`, or its channels are not `in_channels`.
    """

    def __init__(self, settings: DoDNetSettings) -> None:
        super().__init__()
        self.settings = s = settings
        self.trunk: ResidualTrunk | DenseFeatures = (
            ResidualTrunk(s.in_channels, _HEAD_CHANNELS) if s.shape == "residual" else DenseFeatures(s, _HEAD_CHANNELS)
        )
        tasks = s.classes // s.outputs_per_task
        self.controller = Controller(self.trunk.descriptor_channels, tasks, s.outputs_per_task)

    @property
    def stride(self) -> int:
        """Each spatial size must be a multiple of this."""
        return self.trunk.stride

    def encode(self, image: Tensor) -> Features:
        """The head's input (B, 8, *spatial) and the image's descriptor (B, channels)."""
        check_image(image, self.settings.in_channels, self.settings.dimensions, self.stride)
        return cast("Features", self.trunk(image))

    def decode(self, features: Features, condition: Condition) -> Tensor:
        """Logits (B, 1, *spatial): the controller makes a head for each sample's task."""
        batch, outputs = condition.rows.shape[0], self.settings.outputs_per_task
        shared, descriptor = (f.expand(batch, *f.shape[1:]) for f in features)
        weights = self.controller(descriptor, condition.rows // outputs)
        logits = dynamic_head(shared, weights, outputs)
        return logits[torch.arange(batch, device=logits.device), condition.rows % outputs].unsqueeze(1)


class DenseFeatures(DenseTrunk):
    """The dense trunk with DoDNet's two outputs."""

    def __init__(self, settings: TrunkSettings, channels: int) -> None:
        super().__init__(settings)
        self.descriptor_channels = self.skips[-1]
        self.precls = spatial_layers(settings.dimensions).conv(self.out_channels, channels, 1)

    def forward(self, image: Tensor) -> Features:
        """The head's input and the pooled deepest features."""
        skips = self.down(image)
        return self.precls(self.up(skips)), skips[-1].flatten(2).mean(dim=2)
