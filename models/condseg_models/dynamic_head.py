"""A head whose weights are made for the class and the image: DoDNet's controller and dynamic head.

Zhang, Xie, Xia & Shen (CVPR 2021), sections 3.3 to 3.5.
"""

import torch
from torch import Tensor, nn

from condseg_models.conditioning import ROWS

# Channels between the head's three layers.
_WIDTH = 8


class Controller(nn.Module):
    """Weights of the dynamic head from the pooled image and the task: omega = phi(F || T), equation 5.

    A 1x1 convolution over the image's descriptor and a one-hot task code. The code's part is a row per task, so that
    a task can be added without touching the others.
    """

    def __init__(self, descriptor: int, tasks: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        weights = head_weights(outputs)
        self.image = nn.Linear(descriptor, weights)
        self.register_parameter(ROWS, nn.Parameter(torch.randn(tasks, weights) * (descriptor + tasks) ** -0.5))

    def forward(self, descriptor: Tensor, tasks: Tensor) -> Tensor:
        """(B, weights) for descriptors (B, channels) and tasks (B,)."""
        # Sample by sample: a product with a single row is summed in another order than a product with many.
        seen = torch.cat([self.image(one) for one in descriptor.split(1)])
        weights: Tensor = seen + getattr(self, ROWS)[tasks]
        return weights


def head_weights(outputs: int) -> int:
    """Size of a dynamic head: weights and biases of three 1x1 layers (162 numbers for 2 outputs)."""
    return 2 * _WIDTH * _WIDTH + _WIDTH * outputs + 2 * _WIDTH + outputs


def dynamic_head(features: Tensor, weights: Tensor, outputs: int) -> Tensor:
    """Equation 6: three 1x1 convolutions, each sample with its own weights, ReLU after the first two.

    Args:
        features: (B, 8, *spatial).
        weights: (B, head_weights(outputs)): w1, w2, w3, then b1, b2, b3.
        outputs: output channels.

    Returns:
        (B, outputs, *spatial).
    """
    sizes = [_WIDTH * _WIDTH, _WIDTH * _WIDTH, _WIDTH * outputs, _WIDTH, _WIDTH, outputs]
    w1, w2, w3, b1, b2, b3 = weights.split(sizes, dim=1)
    x = features.flatten(2)  # (B, 8, voxels)
    for w, b in ((w1, b1), (w2, b2)):
        x = torch.relu(torch.baddbmm(b[:, :, None], w.reshape(-1, _WIDTH, _WIDTH), x))
    x = torch.baddbmm(b3[:, :, None], w3.reshape(-1, outputs, _WIDTH), x)
    return x.reshape(len(x), outputs, *features.shape[2:])
