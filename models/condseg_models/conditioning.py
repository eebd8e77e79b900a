"""Conditioning of a layer on a class.

The look-up table gives each class a row. `Conditioning` chooses the content of a row:

- `constant`: one fixed number `hash(c)` (Dmitriev & Kaufman, CVPR 2019, equations 2 and 3);
- `vector`: an offset per channel, learnt;
- `film`: a scale and an offset per channel, learnt (Perez et al., FiLM, AAAI 2018).

For a class that is taught later, a row may also hold low-rank updates of convolutions (`ClassMix`), which no other
class sees.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from condseg_models.protocol import Condition

Conditioning = Literal["constant", "vector", "film"]

# Name of the learnt rows in every layer: adding a class appends to the tensors of this name.
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
    """Shift, and with `film` scale, of each channel by the class's row.

    The place is after a norm, which would subtract the shift, and before the non-linearity. With `constant`
    the shift is hash(c) times a learnt weight per channel: the contribution of equation 3's constant channel to
    the next convolution's output everywhere but at the padded border.
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


class ClassMix(nn.Module):
    """Low-rank update of a convolution for each class: the weights W become (I + B A) W.

    As LoRA (Hu et al., 2022), but on the side of the outputs: (I + B A) acts on the convolution's sum, so the part of
    the sum that no class touches is still computed once for all. B begins as 0, which changes nothing to the bit.
    """

    def __init__(self, channels: int, rank: int, classes: int) -> None:
        super().__init__()
        self.register_parameter(f"inner_{ROWS}", nn.Parameter(torch.randn(classes, rank, channels) * channels**-0.5))
        self.register_parameter(f"outer_{ROWS}", nn.Parameter(torch.zeros(classes, channels, rank)))

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Mix the channels of x (B, C, *spatial); an x of batch 1 serves all classes of the condition."""
        inner: Tensor = getattr(self, f"inner_{ROWS}")[condition.rows]  # (B, rank, C)
        outer: Tensor = getattr(self, f"outer_{ROWS}")[condition.rows]  # (B, C, rank)
        always = outer.requires_grad or outer.is_meta  # on torch's meta device nothing has a value
        active = [always or bool(row.any()) for row in outer]
        if not any(active):
            return x
        samples = x.expand(len(active), *x.shape[1:]).split(1)
        updates = (b @ a for b, a in zip(outer, inner, strict=True))
        mixed = [
            one + _pointwise(one, update) if on else one
            for one, update, on in zip(samples, updates, active, strict=True)
        ]
        return mixed[0] if len(mixed) == 1 else torch.cat(mixed)


def _pointwise(x: Tensor, weight: Tensor) -> Tensor:
    """A convolution with a kernel of 1 and weights (C, C)."""
    kernel = weight.reshape(*weight.shape, *[1] * (x.dim() - 2))
    return functional.conv3d(x, kernel) if x.dim() == 5 else functional.conv2d(x, kernel)
