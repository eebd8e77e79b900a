"""Equations 2 and 3, and the learnt rows."""

import pytest
import torch

from condseg_models import ROWS, ClassShift, Condition
from condseg_models.conditioning import append_constant, constant_channel


def test_equation_2_is_a_constant_channel() -> None:
    x = torch.randn(2, 5, 3, 4, 6)
    phi = constant_channel(x, Condition(torch.tensor([0, 1]), torch.tensor([-0.5, 0.25])))
    assert phi.shape == (2, 1, 3, 4, 6)
    assert (phi[0] == -0.5).all()
    assert (phi[1] == 0.25).all()


def test_equation_3_appends_it() -> None:
    x = torch.randn(1, 5, 3, 4)
    joined = append_constant(x, Condition(torch.tensor([0]), torch.tensor([2.0])))
    assert joined.shape == (1, 6, 3, 4)
    assert torch.equal(joined[:, :5], x)
    assert (joined[:, 5] == 2.0).all()


def test_film_scales_and_shifts_each_channel() -> None:
    film = ClassShift("film", channels=2, classes=2)
    rows = getattr(film, ROWS)
    with torch.no_grad():
        rows[1] = torch.tensor([0.5, -1.0, 3.0, 4.0])  # scales - 1, then offsets
    x = torch.ones(1, 2, 3, 3)
    out = film(x, Condition(torch.tensor([1]), torch.tensor([0.0])))
    assert torch.allclose(out[0, 0], torch.tensor(4.5))
    assert torch.allclose(out[0, 1], torch.tensor(4.0))


@pytest.mark.parametrize("kind", ["vector", "film"])
def test_only_the_asked_row_gets_a_gradient(kind: str) -> None:
    shift = ClassShift(kind, channels=4, classes=3)  # type: ignore[arg-type]
    out = shift(torch.randn(2, 4, 5, 5), Condition(torch.tensor([1, 1]), torch.zeros(2)))
    out.square().sum().backward()
    gradient = getattr(shift, ROWS).grad
    assert gradient[1].any()
    assert not gradient[0].any()
    assert not gradient[2].any()


def test_constant_shifts_by_the_code() -> None:
    shift = ClassShift("constant", channels=3, classes=9)
    x = torch.zeros(2, 3, 2, 2)
    out = shift(x, Condition(torch.tensor([0, 1]), torch.tensor([0.5, -1.0])))
    torch.testing.assert_close(out[0] * -2, out[1])
