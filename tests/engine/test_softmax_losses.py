"""The target adaptive loss and its kin: what is not labelled is not told apart from background."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from condseg_app.engine.train.losses import LossSettings
from condseg_app.engine.train.softmax_losses import SoftmaxLoss
from condseg_models import members

ADAPTIVE = LossSettings(kind="target_adaptive")
LIVER, TUMOUR, SPLEEN = range(3)


def questions(labels: torch.Tensor, labelled: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets and supervised voxels (1, 3, n) of labels with values 0 to 3, of which some are shown."""
    target = torch.stack([(labels == row + 1).float() for row in range(3)])[None]
    shown = torch.tensor([float(row in labelled) for row in range(3)])[None, :, None]
    return target * shown, shown.expand_as(target).contiguous()


def scores(n: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 4, n, generator=torch.Generator().manual_seed(seed), requires_grad=True)


LABELS = torch.randint(0, 4, (40,), generator=torch.Generator().manual_seed(1))


@given(alpha=st.tuples(*[st.floats(0.1, 5.0)] * 3), seed=st.integers(0, 100))
def test_with_every_class_labelled_it_is_the_weighted_cross_entropy(alpha: tuple[float, ...], seed: int) -> None:
    loss = SoftmaxLoss(LossSettings(kind="target_adaptive", alpha=alpha), members(3))
    s = scores(seed=seed)
    expected = torch.nn.functional.cross_entropy(s, LABELS[None], weight=torch.tensor([1.0, *alpha]))
    torch.testing.assert_close(loss(s, *questions(LABELS, [0, 1, 2])), expected)


def test_equation_8_merges_what_is_not_labelled_with_the_background() -> None:
    s = scores()
    p = s.softmax(dim=1)[0]
    spleen = LABELS == SPLEEN + 1
    expected = -torch.where(spleen, p[SPLEEN + 1].log(), (1 - p[SPLEEN + 1]).log()).mean()
    torch.testing.assert_close(SoftmaxLoss(ADAPTIVE, members(3))(s, *questions(LABELS, [SPLEEN])), expected)


def test_moving_probability_between_background_and_an_unlabelled_class_costs_nothing() -> None:
    loss = SoftmaxLoss(ADAPTIVE, members(3))
    s = scores()
    loss(s, *questions(LABELS, [SPLEEN])).backward()
    assert s.grad is not None
    p = s.detach().softmax(dim=1)
    # The gradient along which one grows and the other shrinks, their sum staying as it is.
    exchange = s.grad[:, 0] / p[:, 0] - s.grad[:, LIVER + 1] / p[:, LIVER + 1]
    torch.testing.assert_close(exchange, torch.zeros_like(exchange), atol=1e-6, rtol=0)


def test_a_class_labelled_absent_is_told_apart_from_background() -> None:
    s = scores()
    target, supervised = questions(torch.zeros(40), [LIVER])
    SoftmaxLoss(ADAPTIVE, members(3))(s, target, supervised).backward()
    assert s.grad is not None
    assert (s.grad[:, LIVER + 1] > 0).all()


@pytest.mark.parametrize("kind", ["target_adaptive", "marginal_exclusion"])
def test_nothing_labelled_gives_exactly_no_gradient(kind: str) -> None:
    s = scores()
    loss = SoftmaxLoss(LossSettings(kind=kind), members(3))  # type: ignore[arg-type]
    loss(s, *questions(LABELS, [])).backward()
    assert s.grad is not None
    assert not s.grad.any()


def test_an_organ_contains_its_tumour() -> None:
    """Where only the organ is labelled, its voxels may be tumour; background may not."""
    loss = SoftmaxLoss(ADAPTIVE, members(3, ((LIVER, TUMOUR),)))
    s = scores()
    organ = (LABELS == LIVER + 1) | (LABELS == TUMOUR + 1)
    target, supervised = questions(torch.where(organ, LIVER + 1, 0), [LIVER])
    p = s.softmax(dim=1)[0]
    inside = p[LIVER + 1] + p[TUMOUR + 1]
    expected = -torch.where(organ, inside.log(), (1 - inside).log()).mean()
    torch.testing.assert_close(loss(s, target, supervised), expected)


def test_exclusion_punishes_an_unlabelled_class_on_what_is_marked() -> None:
    s = torch.zeros(1, 4, 40, requires_grad=True)
    target, supervised = questions(LABELS, [SPLEEN])
    without = LossSettings(kind="marginal_exclusion", exclusion=0.0)
    (
        SoftmaxLoss(LossSettings(kind="marginal_exclusion"), members(3))(s, target, supervised)
        - SoftmaxLoss(without, members(3))(s, target, supervised)
    ).backward()
    assert s.grad is not None
    marked = LABELS == SPLEEN + 1
    assert (s.grad[0, LIVER + 1, marked] > 0).all()
    assert s.grad[0, LIVER + 1, marked].min() > s.grad[0, LIVER + 1, ~marked].max()


def test_contradicting_labels_are_left_out() -> None:
    """A voxel marked as two classes that cannot overlap teaches nothing, and gives no infinite loss."""
    s = scores()
    target, supervised = questions(LABELS, [LIVER, SPLEEN])
    target[0, :2, 0], target[0, SPLEEN, 0] = 1.0, 1.0
    loss = SoftmaxLoss(ADAPTIVE, members(3))(s, target, supervised)
    loss.backward()
    assert torch.isfinite(loss)
    assert s.grad is not None
    assert not s.grad[..., 0].any()
