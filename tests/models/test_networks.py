"""One battery over every network."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from condseg_models import NETWORKS, PRESETS, Condition, ConditionedModule, SoftmaxNetwork, build, count_parameters

SMALL = {"width": 16, "growth": (16, 16, 16), "layers": (1, 2, 1)}
DENSE = [
    {"dimensions": dimensions, "condition_at": at, "conditioning": kind, "layer_order": order, **SMALL}
    for dimensions in (2, 3)
    for at in ("none", "input", "encoder", "decoder", "both")
    for kind in ("constant", "vector", "film")
    for order in ("norm_first", "activation_first")
    if at != "input" or kind == "constant"
]
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("dense_unet", {"condition_levels": (1,), **SMALL}),
    *(
        (network, {"dimensions": d, **SMALL})
        for network in ("individual", "multi_head", "softmax_unet")
        for d in (2, 3)
    ),
    *(("dodnet", {"dimensions": d, "shape": "dense", **SMALL}) for d in (2, 3)),
    ("dodnet", {"shape": "residual"}),
    ("dodnet", {"shape": "dense", "outputs_per_task": 3, **SMALL}),
    ("pipo_fan", {"width": 16, "in_channels": 1}),
    ("triplanar", {"width": 16, "layers": 3, "joint": 32, "dropout": 0.0}),
]
EVERY = [*(("dense_unet", settings) for settings in DENSE), *OTHERS]
IN_2D = [case for case in EVERY if case[0] == "pipo_fan" or case[1].get("dimensions", 3) == 2]
TOGETHER = [case for case in OTHERS if hasattr(NETWORKS[case[0]].network, "scores")]


def name_of(case: tuple[str, Mapping[str, Any]] | object) -> str:
    network, settings = case if isinstance(case, tuple) else (str(case), {})
    keys = ("dimensions", "condition_at", "conditioning", "layer_order", "shape", "outputs_per_task")
    return "-".join([network, *(str(settings[key]) for key in keys if key in settings)])


def make(case: tuple[str, Mapping[str, Any]]) -> Any:
    torch.manual_seed(0)
    return build(case[0], {"classes": 3, **case[1]}).eval()


@pytest.fixture(params=EVERY, ids=name_of)
def network(request: pytest.FixtureRequest) -> Any:
    return make(request.param)


def image_for(network: Any, batch: int = 1) -> torch.Tensor:
    step = max(4, network.stride)
    size = (2 * step, step, step)[: network.settings.dimensions]
    return torch.randn(batch, network.settings.in_channels, *size, generator=torch.Generator().manual_seed(1))


def condition(*rows: int) -> Condition:
    return Condition(torch.tensor(rows), torch.tensor([(-1.0, 1.0, 0.0)[row] for row in rows]))


@torch.no_grad()
def test_logits_have_one_channel_and_the_images_size(network: ConditionedModule) -> None:
    image = image_for(network, batch=2)
    logits = network.decode(network.encode(image), condition(0, 2))
    assert logits.shape == (2, 1, *image.shape[2:])
    assert torch.isfinite(logits).all()


@torch.no_grad()
def test_the_answer_depends_on_the_class(network: ConditionedModule) -> None:
    # A norm in the wrong place erases the class without any other sign.
    features = network.encode(image_for(network))
    a, b, c = (network.decode(features, condition(row)) for row in range(3))
    scale = a.std()
    assert (a - b).abs().mean() > 1e-3 * scale
    assert (b - c).abs().mean() > 1e-3 * scale


@torch.no_grad()
def test_encoding_once_equals_a_full_pass_per_class(network: ConditionedModule) -> None:
    image = image_for(network)
    features = network.encode(image)
    for row in range(3):
        once = network.decode(features, condition(row))
        torch.testing.assert_close(once, network(image, condition(row)), rtol=0, atol=0)


@torch.no_grad()
def test_classes_can_be_asked_together(network: ConditionedModule) -> None:
    features = network.encode(image_for(network))
    together = network.decode(features, condition(0, 2, 1, 0))
    for place, row in enumerate((0, 2, 1, 0)):
        alone = network.decode(features, condition(row))
        torch.testing.assert_close(together[place : place + 1], alone, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_samples_of_a_batch_do_not_mix(network: ConditionedModule) -> None:
    images = image_for(network, batch=2)
    both = network(images, condition(0, 1))
    torch.testing.assert_close(both[1:], network(images[1:], condition(1)), rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [16, 64])
@pytest.mark.parametrize("case", IN_2D, ids=name_of)
def test_a_window_answers_the_same_to_the_bit_alone_and_among_others(case: Any, size: int) -> None:
    # Prediction asks as many slices' windows together as pay, and its masks must not tell.
    network = make(case).to(memory_format=torch.channels_last)
    images = torch.empty(3, network.settings.in_channels, size, size, memory_format=torch.channels_last)
    images.normal_(generator=torch.Generator().manual_seed(1))
    together = network.decode(network.encode(images), condition(1, 1, 1))
    for place in range(3):
        alone = network.decode(network.encode(images[place : place + 1]), condition(1))
        torch.testing.assert_close(together[place : place + 1], alone, rtol=0, atol=0)


def test_every_parameter_learns(network: Any) -> None:
    network.train()
    features = network.encode(image_for(network, batch=3))
    logits = network.decode(features, condition(0, 1, 2)).square().mean()
    for further in network.scores(features)[1:] if hasattr(network, "scores") else ():
        logits = logits + further.square().mean()
    logits.backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@torch.no_grad()
def test_what_is_saved_and_loaded_answers_the_same(network: ConditionedModule) -> None:
    image = image_for(network)
    torch.manual_seed(1)
    copy = type(network)(network.settings).eval()
    copy.load_state_dict({name: tensor.clone() for name, tensor in network.state_dict().items()})
    torch.testing.assert_close(copy(image, condition(1)), network(image, condition(1)), rtol=0, atol=0)


def test_an_image_that_does_not_fit_is_refused_with_the_remedy(network: ConditionedModule) -> None:
    image = image_for(network)
    if network.stride > 1:
        with pytest.raises(ValueError, match=f"multiples of {network.stride}; pad"):
            network.encode(image[:, :, :-1])
    with pytest.raises(ValueError, match=r"expected \(channels, dimensions\)"):
        network.encode(image.repeat(1, 2, *[1] * (image.dim() - 2)))


@torch.no_grad()
@pytest.mark.parametrize("case", TOGETHER, ids=name_of)
def test_a_softmax_networks_logits_are_its_softmax(case: tuple[str, dict[str, Any]]) -> None:
    network: SoftmaxNetwork = make(case)
    features = network.encode(image_for(network))
    probability = network.scores(features)[0].softmax(dim=1)
    asked = torch.cat([network.decode(features, condition(row)).sigmoid() for row in range(3)], dim=1)
    torch.testing.assert_close(asked, probability[:, 1:], rtol=1e-4, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("case", TOGETHER, ids=name_of)
def test_a_whole_contains_its_parts(case: tuple[str, dict[str, Any]]) -> None:
    network: SoftmaxNetwork = make((case[0], {**case[1], "parts": ((0, 1), (1, 2))}))
    features = network.encode(image_for(network))
    p = network.scores(features)[0].softmax(dim=1)
    whole, part, innermost = (network.decode(features, condition(row)).sigmoid() for row in range(3))
    torch.testing.assert_close(whole[:, 0], p[:, 1] + p[:, 2] + p[:, 3])
    torch.testing.assert_close(part[:, 0], p[:, 2] + p[:, 3])
    torch.testing.assert_close(innermost[:, 0], p[:, 3])


@pytest.mark.parametrize("network_name", ["individual", "multi_head"])
def test_a_class_that_is_not_asked_for_has_no_gradient(network_name: str) -> None:
    network = make((network_name, {"dimensions": 2, **SMALL}))
    network(image_for(network, batch=2), condition(0, 2)).square().mean().backward()
    own = network.networks if network_name == "individual" else network.heads
    assert all(p.grad is None for p in own[1].parameters())
    assert all(p.grad is not None for row in (0, 2) for p in own[row].parameters())


@pytest.mark.parametrize("name", PRESETS)
def test_presets_can_be_built(name: str) -> None:
    preset = PRESETS[name]
    network: Any = build(preset.network, {**preset.settings, "classes": 2})
    spatial = preset.window if preset.dimensions == "3D" else preset.window[:2]
    assert all(n % network.stride == 0 for n in spatial)
    assert network.settings.dimensions == (3 if preset.dimensions == "3D" else 2)
    assert count_parameters(network) > 10_000


def test_networks_to_be_compared_share_their_trunk() -> None:
    trunks = [
        {key: PRESETS[f"{name}-2.5d"].settings[key] for key in ("width", "growth", "layers")}
        for name in ("dense", "individual", "multi-head", "tal", "dodnet")
    ]
    assert all(trunk == trunks[0] for trunk in trunks)


def test_unknown_networks_and_settings_are_named() -> None:
    with pytest.raises(ValueError, match="no network 'dodo'; there are: dense_unet"):
        build("dodo", {})
    with pytest.raises(ValueError, match="no setting"):
        build("dense_unet", {"depth": 3})
