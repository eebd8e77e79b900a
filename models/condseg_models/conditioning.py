"""How a class enters a layer.

The look-up table gives each class a row. What a row holds is the choice of `Conditioning`:

- `constant`: one fixed number `hash(c)` (Dmitriev & Kaufman, CVPR 2019, equations 2 and 3);
- `vector`: an offset per channel, learnt;
- `film`: a scale and an offset per channel, learnt (Perez et al., FiLM, AAAI 2018).
"""

from typing import Literal

import torch
from torch import Tensor, nn

from condseg_models.protocol import Condition

Conditioning = Literal["constant", "vector", "film"]

# The learnt rows' name in every layer: adding a class appends to the tensors that end in it.
ROWS = "class_rows"


def constant_channel(x: Tensor, condition: Condition) -> Tensor:
    """Equation 2: phi(c, H, W, D) = O(H x W x D) * hash(c), a channel that is constant in space.

    Returns (B, 1, *spatial) for an x of (B, C, *spatial).
    """
    code = condition.codes.to(x.dtype).reshape(-1, 1, *[1] * (x.dim() - 2))
    return code.expand(-1, 1, *x.shape[2:])


def append_constant(x: Tensor, condition: Condition) -> Tensor:
    """Equation 3: x_l = [x_(l-1), phi(c, H_l, W_l, D_l)]."""
    return torch.cat([x, constant_channel(x, condition)], dim=1)


class ClassShift(nn.Module):
    """Shifts (and with `film` scales) each channel by what the class's row says.

    It belongs after a norm, which would subtract it again, and before the non-linearity. With `constant`
    the shift is hash(c) times a learnt weight per channel: what equation 3's constant channel adds to the
    next convolution's output everywhere but at the padded border.
    """

    def __init__(self, conditioning: Conditioning, channels: int, classes: int) -> None:
        super().__init__()
        self.conditioning = conditioning
        if conditioning == "constant":
            self.weight = nn.Parameter(torch.randn(channels) * 0.3)
        else:
            columns = channels * (2 if conditioning == "film" else 1)
            self.register_parameter(ROWS, nn.Parameter(torch.randn(classes, columns) * 0.1))

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Return x (B, C, *spatial) with the class's shift; same shape."""
        spatial = [1] * (x.dim() - 2)
        if self.conditioning == "constant":
            shift = condition.codes.to(x.dtype).reshape(-1, 1) * self.weight  # (B, C)
            return x + shift.reshape(*shift.shape, *spatial)
        row: Tensor = getattr(self, ROWS)[condition.rows].to(x.dtype)  # (B, C or 2 C)
        row = row.reshape(*row.shape, *spatial)
        if self.conditioning == "vector":
            return x + row
        scale, offset = row.chunk(2, dim=1)
        return torch.addcmul(offset, x, 1 + scale)
