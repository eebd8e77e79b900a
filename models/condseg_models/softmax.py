"""Binary answers for single classes from a softmax over all classes."""

from collections.abc import Sequence

import torch
from torch import Tensor


def members(classes: int, parts: Sequence[Sequence[int]] = ()) -> Tensor:
    """(classes, 1 + classes) bool: the channels of the softmax that make up each class.

    Args:
        classes: rows of the table; channel 0 is the background, channel 1 + row the class.
        parts: pairs (whole's row, part's row); a tumour's voxels belong to the organ too.
    """
    own = torch.eye(classes, dtype=torch.bool)
    for _ in parts:  # a part of a part is a part of the whole
        for whole, part in parts:
            own[whole] |= own[part]
    return torch.cat([torch.zeros(classes, 1, dtype=torch.bool), own], dim=1)


def class_logits(scores: Tensor, rows: Tensor, members: Tensor) -> Tensor:
    """Logits whose sigmoid is the softmax probability of the class asked for.

    Args:
        scores: (B or 1, 1 + classes, *spatial) before the softmax.
        rows: (B,) the class asked for.
        members: (classes, 1 + classes) the channels that make up each class.

    Returns:
        (B, 1, *spatial): log sum_(k in class) exp s_k - log sum_(k not in class) exp s_k.
    """
    scores = scores.expand(len(rows), *scores.shape[1:])
    inside = members[rows].reshape(*members[rows].shape, *[1] * (scores.dim() - 2))
    within = scores.masked_fill(~inside, -torch.inf).logsumexp(dim=1, keepdim=True)
    return within - scores.masked_fill(inside, -torch.inf).logsumexp(dim=1, keepdim=True)
