"""Networks that are told which class to look for. torch only; no files, no GUI."""

from condseg_models.conditioning import ROWS, ClassShift, Conditioning
from condseg_models.dense_unet import OWN_ENCODER, DenseUNet, DenseUNetSettings
from condseg_models.presets import NETWORKS, PRESETS, Preset, build, count_parameters
from condseg_models.protocol import Condition, ConditionedModule, ConditionedNetwork, Features, SoftmaxNetwork
from condseg_models.softmax import class_logits, members

__all__ = [
    "NETWORKS",
    "OWN_ENCODER",
    "PRESETS",
    "ROWS",
    "ClassShift",
    "Condition",
    "ConditionedModule",
    "ConditionedNetwork",
    "Conditioning",
    "DenseUNet",
    "DenseUNetSettings",
    "Features",
    "Preset",
    "SoftmaxNetwork",
    "build",
    "class_logits",
    "count_parameters",
    "members",
]
