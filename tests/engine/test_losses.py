"""Equations 4 and 5, and what unlabelled voxels may not do."""

import pytest
import torch

from condseg_app.engine.train.losses import ConditionedLoss, LossSettings, dice_loss, dice_score, overlap_sums

DICE_ONLY = LossSettings(dice=1.0, bce=0.0, smooth=0.0)


def samples(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, 1, 6, 6, generator=generator, requires_grad=True)
    target = (torch.rand(batch, 1, 6, 6, generator=generator) > 0.7).float()
    return logits, target, torch.ones_like(target)


def dice_of(probability: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Equation 5 over everything given."""
    sums = overlap_sums(probability.flatten()[None], target.flatten()[None], torch.ones(1, target.numel()))
    intersection, predicted, true = (x[0] for x in sums)
    return dice_loss(intersection, predicted, true, smooth=0.0)


def test_equation_5_is_one_minus_dice() -> None:
    y = torch.tensor([1.0, 1.0, 0.0, 0.0])
    p = torch.tensor([1.0, 0.5, 0.5, 0.0])
    expected = 1 - 2 * 1.5 / (2.0 + 2.0)
    assert dice_of(p, y).item() == pytest.approx(expected)


def test_equation_4_sums_the_classes_of_the_batch_with_their_weights() -> None:
    logits, target, supervised = samples()
    rows = torch.tensor([0, 2])
    weighted = LossSettings(dice=1.0, bce=0.0, smooth=0.0, alpha=(1.0, 5.0, 3.0))
    parts = [dice_of(logits[i].sigmoid(), target[i]) for i in range(2)]
    together = ConditionedLoss(weighted, 3)(logits, target, supervised, rows)
    torch.testing.assert_close(together, (1.0 * parts[0] + 3.0 * parts[1]) / 2)


def test_samples_of_one_class_share_one_dice() -> None:
    logits, target, supervised = samples()
    together = ConditionedLoss(DICE_ONLY, 3)(logits, target, supervised, torch.tensor([1, 1]))
    torch.testing.assert_close(together, dice_of(logits.sigmoid(), target))


def test_an_absent_class_is_left_to_the_cross_entropy() -> None:
    logits, target, supervised = samples()
    target[1] = 0
    rows = torch.tensor([0, 1])
    both = ConditionedLoss(LossSettings(), 2)(logits, target, supervised, rows)
    present = ConditionedLoss(LossSettings(), 2)(logits[:1], target[:1], supervised[:1], rows[:1])
    absent = torch.nn.functional.binary_cross_entropy_with_logits(logits[1], target[1])
    torch.testing.assert_close(both, (present + absent) / 2)


def test_the_paper_s_dice_alone_also_says_that_a_class_is_absent() -> None:
    logits, target, supervised = samples()
    ConditionedLoss(LossSettings(bce=0.0), 1)(logits, target * 0, supervised, torch.tensor([0, 0])).backward()
    assert logits.grad is not None
    assert (logits.grad > 0).all()


@pytest.mark.parametrize("bce", [0.0, 1.0])
def test_unsupervised_voxels_get_exactly_no_gradient(bce: float) -> None:
    logits, target, supervised = samples()
    supervised[:, :, :3] = 0
    ConditionedLoss(LossSettings(bce=bce), 3)(logits, target, supervised, torch.tensor([0, 1])).backward()
    assert logits.grad is not None
    assert not logits.grad[:, :, :3].any()
    assert logits.grad[:, :, 3:].all()


def test_nothing_supervised_gives_no_gradient_and_no_nan() -> None:
    logits, target, supervised = samples()
    loss = ConditionedLoss(LossSettings(), 3)(logits, target, torch.zeros_like(supervised), torch.tensor([0, 1]))
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert not logits.grad.any()


def test_a_class_that_is_absent_still_has_a_gradient() -> None:
    # Plain Dice has none there, so that false positives would go unpunished.
    logits, target, supervised = samples()
    ConditionedLoss(LossSettings(), 3)(logits, torch.zeros_like(target), supervised, torch.tensor([0, 1])).backward()
    assert logits.grad is not None
    assert (logits.grad > 0).all()


def test_dice_score_of_nothing_on_nothing_is_one() -> None:
    empty = torch.zeros(1, 4, 4)
    assert dice_score(torch.full((1, 4, 4), -5.0), empty, torch.ones_like(empty)) == 1.0
    assert dice_score(torch.full((1, 4, 4), 5.0), empty, torch.ones_like(empty)) == 0.0
