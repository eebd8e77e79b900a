"""What is summed once for all classes, and what is added for each, against the whole computed at once."""

from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from condseg_models import Condition, Conditioning
from condseg_models.dense_blocks import Channels, DenseBlock, PaperDenseBlock, Told
from condseg_models.layers import instance_norm, on_first_channels, on_last_channels, over_ones, spatial_layers

CONDITION = Condition(torch.tensor([0, 2, 1]), torch.tensor([-1.0, 0.5, 3.0]))
SIZES = {2: (5, 7), 3: (5, 1, 4)}


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("kind", ["conv", "transposed_conv"])
@torch.no_grad()
def test_sums_over_parts_of_the_channels_add_up(dimensions: int, kind: str) -> None:
    layers = spatial_layers(dimensions)
    layer = layers.conv(7, 4, 3, padding=1) if kind == "conv" else layers.transposed_conv(7, 4, 2, stride=2)
    x = normal(2, 7, *SIZES[dimensions])
    total = on_first_channels(layer, x[:, :3]) + on_last_channels(layer, x[:, 3:])
    torch.testing.assert_close(total, layer(x), rtol=1e-5, atol=1e-5)
    between = on_first_channels(layer, x[:, :3]) + on_last_channels(layer, x[:, 3:6], behind=1)
    torch.testing.assert_close(between + on_last_channels(layer, x[:, 6:]), layer(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 9), (4, 4), (1, 2, 5), (6, 4, 3), (8, 8, 8)])
@torch.no_grad()
def test_a_constant_channels_sum_has_27_values_at_most(shape: tuple[int, ...]) -> None:
    layer = spatial_layers(len(shape)).conv(4, 16, 3, padding=1, bias=False)
    ones = torch.zeros(1, 4, *shape)
    ones[:, 3] = 1.0
    found = over_ones(layer, shape)
    torch.testing.assert_close(found, layer(ones), rtol=1e-5, atol=1e-6)
    assert len(found[0, 0].unique()) <= 3 ** len(shape)


@pytest.mark.parametrize("shape", [(1, 16, 6, 5), (3, 16, 4, 4), (1, 16, 3, 4, 5), (2, 16, 2, 2, 2)])
@torch.no_grad()
def test_the_norm_is_torchs_instance_norm_with_a_scale_for_each_class(shape: tuple[int, ...]) -> None:
    x, scale, offset = normal(*shape) + 3, normal(shape[0], 16), normal(16, shape[0]).T
    expected = functional.instance_norm(x)
    spatial = [1] * (len(shape) - 2)
    expected = expected * scale.reshape(*scale.shape, *spatial) + offset.reshape(*offset.shape, *spatial)
    torch.testing.assert_close(instance_norm(x, scale, offset), expected, rtol=1e-4, atol=1e-4)
    channels_last = x.contiguous(memory_format=torch.channels_last if len(shape) == 4 else torch.channels_last_3d)
    kept = instance_norm(channels_last, scale, offset)
    assert kept.stride() == channels_last.stride()


@torch.no_grad()
def test_one_image_is_normed_for_several_classes() -> None:
    x, scale, offset = normal(1, 16, 4, 4), normal(3, 16), normal(16, 3).T
    together = instance_norm(x, scale, offset)
    assert together.shape == (3, 16, 4, 4)
    for row in range(3):
        alone = instance_norm(x, scale[row : row + 1], offset[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone)


def plain(block: DenseBlock, x: Tensor) -> list[Tensor]:
    """Equation 1 by concatenation: what each layer adds."""
    known = [x]
    for layer, conv in enumerate(block.convs):
        norm = block.norms[layer]
        new = functional.instance_norm(conv(torch.cat(known, dim=1)), weight=norm.weight, bias=norm.bias)  # type: ignore[arg-type]
        known.append(functional.leaky_relu(block.classes[layer](new, CONDITION), block.slope))
    return known[1:]


def plain_paper(block: PaperDenseBlock, x: Tensor) -> list[Tensor]:
    """Equations 1 to 3 by concatenation: what each layer adds."""
    known = [x]
    phi = CONDITION.codes.reshape(-1, 1, *[1] * (x.dim() - 2)).expand(-1, 1, *x.shape[2:])
    for layer, conv in enumerate(block.convs):
        inputs = [*known, phi] if block.appends else known
        new = conv(functional.leaky_relu(torch.cat(inputs, dim=1), block.slope))
        known.append(block.classes[layer](new, CONDITION) if block.classes else new)
    return known[1:]


@pytest.mark.parametrize("conditioning", ["constant", "vector", "film"])
@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize(("kind", "reference"), [(DenseBlock, plain), (PaperDenseBlock, plain_paper)])
@torch.no_grad()
def test_a_block_in_halves_is_the_block(
    kind: Callable[..., nn.Module], reference: Callable[..., list[Tensor]], dimensions: int, conditioning: Conditioning
) -> None:
    torch.manual_seed(0)
    block = kind(dimensions, Channels(given=20, growth=16, layers=3), 0.3, Told(conditioning, classes=3))
    skip, own = normal(1, 12, *SIZES[dimensions]), normal(3, 8, *SIZES[dimensions])
    whole = torch.cat([skip.expand(3, *skip.shape[1:]), own], dim=1)
    expected = torch.cat(reference(block, whole), dim=1)
    grown = block.grow(block.share(skip), own, CONDITION)  # type: ignore[operator]
    torch.testing.assert_close(grown[:, -48:], expected, rtol=1e-4, atol=1e-5)
    if block.passes_input_on:
        torch.testing.assert_close(grown[:, :-48], own)
    everything_shared = block.grow(block.share(whole[:1]), None, CONDITION)  # type: ignore[operator]
    first = torch.cat(reference(block, whole[:1].expand(3, *whole.shape[1:])), dim=1)
    torch.testing.assert_close(everything_shared, first, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dimensions", [2, 3])
@torch.no_grad()
def test_a_class_has_convolutions_of_its_own_and_no_other_class_sees_them(dimensions: int) -> None:
    torch.manual_seed(0)
    plain_block = DenseBlock(dimensions, Channels(given=20, growth=16, layers=2), 0.3, Told("film", classes=3))
    block = DenseBlock(dimensions, Channels(given=20, growth=16, layers=2), 0.3, Told("film", classes=3, rank=2))
    block.load_state_dict(plain_block.state_dict(), strict=False)
    x = normal(1, 20, *SIZES[dimensions])
    before = plain_block.grow(plain_block.share(x), None, CONDITION)
    assert torch.equal(block.grow(block.share(x), None, CONDITION), before)
    mixes = {name: part for name, part in block.named_modules() if name.startswith("mixes.")}
    for mix in mixes.values():
        cast("Tensor", mix.outer_class_rows)[2] = torch.randn(16, 2)
    after = block.grow(block.share(x), None, CONDITION)
    assert torch.equal(after[[0, 2]], before[[0, 2]])  # rows 0 and 1
    for conv, mix in zip(plain_block.convs, mixes.values(), strict=True):
        outer, inner = cast("Tensor", mix.outer_class_rows), cast("Tensor", mix.inner_class_rows)
        weight = cast("Tensor", conv.weight)
        weight.copy_(((torch.eye(16) + outer[2] @ inner[2]) @ weight.flatten(1)).reshape(weight.shape))
    expected = plain_block.grow(plain_block.share(x), None, CONDITION)[1]
    torch.testing.assert_close(after[1], expected, rtol=1e-4, atol=1e-5)
