"""Networks of the papers, by the numbers that the papers give."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from condseg_models import PRESETS, Condition, build, count_parameters
from condseg_models.dynamic_head import dynamic_head, head_weights
from condseg_models.residual_trunk import StandardisedConv3d


def built(network: str, settings: Mapping[str, Any]) -> Any:
    return build(network, settings)


def test_dodnet_has_the_papers_parameters() -> None:
    """17.3 million for 7 tasks of organ and tumour (DoDNet, section 4.4), to the last one."""
    network = built("dodnet", {**PRESETS["dodnet-paper"].settings, "classes": 14, "outputs_per_task": 2})
    assert count_parameters(network) == 17_329_528
    assert head_weights(outputs=2) == 162


def test_pipo_fan_has_the_papers_parameters() -> None:
    """28,270,986 for a background and one organ before fusion (PIPO-FAN, table VII), and what the fusion adds."""
    network = built("pipo_fan", {**PRESETS["pipo-fan-paper"].settings, "in_channels": 3, "classes": 1})
    fusion = count_parameters(network.fusion)
    assert count_parameters(network) - fusion == 28_270_986
    assert fusion == 19
    assert count_parameters(built("pipo_fan", {"classes": 3}).fusion) == 25


def test_filters_are_standardised() -> None:
    conv = StandardisedConv3d(3, 4, 3, bias=False)
    x = torch.randn(1, 3, 5, 5, 5)
    weight = conv.weight.detach().clone()
    for filters in weight:
        filters.copy_((filters - filters.mean()) / torch.sqrt(filters.var(unbiased=True) + 1e-12))
    torch.testing.assert_close(conv(x), torch.nn.functional.conv3d(x, weight))


def test_a_dynamic_head_is_three_convolutions_with_weights_of_its_own() -> None:
    torch.manual_seed(0)
    features, weights = torch.randn(2, 8, 3, 4, 5), torch.randn(2, head_weights(2))
    out = dynamic_head(features, weights, outputs=2)
    for sample in range(2):
        w1, w2, w3, b1, b2, b3 = weights[sample].split([64, 64, 16, 8, 8, 2])
        x = features[sample : sample + 1]
        x = torch.conv3d(x, w1.reshape(8, 8, 1, 1, 1), b1).relu()
        x = torch.conv3d(x, w2.reshape(8, 8, 1, 1, 1), b2).relu()
        torch.testing.assert_close(out[sample : sample + 1], torch.conv3d(x, w3.reshape(2, 8, 1, 1, 1), b3))


@torch.no_grad()
def test_a_new_task_of_dodnet_changes_no_other_to_the_bit() -> None:
    torch.manual_seed(0)
    settings = {"shape": "dense", "dimensions": 2, "growth": (16, 16), "layers": (1, 1)}
    old = built("dodnet", {**settings, "classes": 2}).eval()
    new = built("dodnet", {**settings, "classes": 3}).eval()
    rows = "controller.class_rows"
    state = {name: t for name, t in old.state_dict().items() if name != rows}
    new.load_state_dict({**state, rows: torch.cat([old.state_dict()[rows], torch.randn(1, head_weights(1))])})
    image = torch.randn(1, 1, 8, 8)
    for row in range(2):
        condition = Condition(torch.tensor([row]), torch.zeros(1))
        assert torch.equal(old(image, condition), new(image, condition))


@torch.no_grad()
def test_a_voxel_far_from_the_border_gets_what_its_three_patches_give() -> None:
    """Moeskops et al. classify the centre of three patches; dense planes must say the same."""
    torch.manual_seed(0)
    network = built("triplanar", {"width": 4, "layers": 3, "joint": 8, "classes": 2}).eval()
    image = torch.randn(1, 1, 9, 9, 9)
    i, j, k, r = 4, 5, 4, 3
    patches = (
        image[:, :, i - r : i + r + 1, j - r : j + r + 1, k],
        image[:, :, i - r : i + r + 1, j, k - r : k + r + 1],
        image[:, :, i, j - r : j + r + 1, k - r : k + r + 1],
    )
    for conv, _norm, _elu in network.stack:
        conv.padding = (0, 0)
    seen = torch.cat([network.stack(patch) for patch in patches], dim=1)[..., None]  # (1, 3 width, 1, 1, 1)
    expected = network.joint(seen)[0, :, 0, 0, 0]
    for conv, _norm, _elu in network.stack:
        conv.padding = (1, 1)
    torch.testing.assert_close(network.scores(network.encode(image))[0][0, :, i, j, k], expected)


def test_the_triplanar_stack_sees_51_voxels() -> None:
    settings = built("triplanar", PRESETS["triplanar-paper"].settings).settings
    assert 1 + 2 * settings.layers == 51
    assert (settings.width, settings.joint) == (32, 192)


@torch.no_grad()
def test_pipo_fans_fusion_is_a_weighted_mean_of_its_scales() -> None:
    torch.manual_seed(0)
    network = built("pipo_fan", {"width": 16, "in_channels": 1, "classes": 2}).eval()
    fused, *scales = network.scores(network.encode(torch.randn(2, 1, 16, 32)))
    assert len(scales) == 5
    lowest, highest = torch.stack(scales).amin(dim=0), torch.stack(scales).amax(dim=0)
    assert ((fused >= lowest - 1e-5) & (fused <= highest + 1e-5)).all()


@pytest.mark.parametrize(
    ("network", "settings", "message"),
    [
        ("dodnet", {"classes": 3, "outputs_per_task": 2}, "3 classes cannot be tasks of 2"),
        ("dodnet", {"shape": "residual", "dimensions": 2}, "for 3 dimensions"),
        ("dodnet", {"shape": "round"}, "shape is one of"),
        ("pipo_fan", {"dimensions": 3}, "2 dimensions"),
        ("triplanar", {"dimensions": 2}, "3 dimensions"),
        ("multi_head", {"thinner": 3}, "cannot be divided"),
    ],
)
def test_settings_that_make_no_sense_are_refused(network: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(network, settings)
