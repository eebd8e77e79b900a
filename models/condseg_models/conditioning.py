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


def code_of(x: Tensor, condition: Condition) -> Tensor:
    """hash(c) in x's type, (B, 1, 1, ...), for an x of (B, C, *spatial)."""
    return condition.codes.to(x.dtype).reshape(-1, 1, *[1] * (x.dim() - 2))


def constant_channel(x: Tensor, condition: Condition) -> Tensor:
    """Equation 2: phi(c, H, W, D) = O(H x W x D) * hash(c), a channel that is constant in space.

    Returns (B, 1, *spatial) for an x of (B, C, *spatial).
    """
    return code_of(x, condition).expand(-1, 1, *x.shape[2:])


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

    def affine(self, condition: Condition) -> tuple[Tensor, Tensor]:
        """The scale and the offset of each channel, (B, C) each."""
        if self.conditioning == "constant":
            offset = condition.codes.to(self.weight.dtype)[:, None] * self.weight
            return torch.ones_like(offset), offset
        row: Tensor = getattr(self, ROWS)[condition.rows]  # (B, C or 2 C)
        if self.conditioning == "vector":
            return torch.ones_like(row), row
        scale, offset = row.chunk(2, dim=1)
        return 1 + scale, offset

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Return x (B, C, *spatial) with the class's shift; an x of batch 1 serves all classes of the condition."""
        scale, offset = (a.to(x.dtype).reshape(*a.shape, *[1] * (x.dim() - 2)) for a in self.affine(condition))
        return torch.addcmul(offset, x, scale)
