"""One battery over every network, and what only the dense U-Net promises."""

import pytest
import torch

from condseg_models import PRESETS, Condition, DenseUNet, DenseUNetSettings, build, count_parameters

SMALL = {"width": 16, "growth": (16, 16, 16), "layers": (1, 2, 1), "classes": 3}
SETTINGS = [
    {"dimensions": dimensions, "condition_at": at, "conditioning": kind, "layer_order": order, **SMALL}
    for dimensions in (2, 3)
    for at in ("none", "input", "encoder", "decoder")
    for kind in ("constant", "vector", "film")
    for order in ("norm_first", "activation_first")
    if at != "input" or kind == "constant"
]


def name_of(settings: dict[str, object]) -> str:
    return "-".join(str(settings[key]) for key in ("dimensions", "condition_at", "conditioning", "layer_order"))


@pytest.fixture(params=SETTINGS, ids=name_of)
def network(request: pytest.FixtureRequest) -> DenseUNet:
    torch.manual_seed(0)
    return build("dense_unet", request.param).eval()


def image_for(network: DenseUNet, batch: int = 1) -> torch.Tensor:
    size = (24, 16, 16)[: network.settings.dimensions]
    return torch.randn(batch, network.settings.in_channels, *size, generator=torch.Generator().manual_seed(1))


def condition(*rows: int) -> Condition:
    return Condition(torch.tensor(rows), torch.tensor([(-1.0, 1.0, 0.0)[row] for row in rows]))


@torch.no_grad()
def test_logits_have_one_channel_and_the_images_size(network: DenseUNet) -> None:
    image = image_for(network, batch=2)
    logits = network.decode(network.encode(image), condition(0, 2))
    assert logits.shape == (2, 1, *image.shape[2:])
    assert torch.isfinite(logits).all()


@torch.no_grad()
def test_the_answer_depends_on_the_class(network: DenseUNet) -> None:
    # A norm in the wrong place erases the class without any other sign.
    features = network.encode(image_for(network))
    a, b, c = (network.decode(features, condition(row)) for row in range(3))
    scale = a.std()
    assert (a - b).abs().mean() > 1e-3 * scale
    assert (b - c).abs().mean() > 1e-3 * scale


@torch.no_grad()
def test_encoding_once_equals_a_full_pass_per_class(network: DenseUNet) -> None:
    image = image_for(network)
    features = network.encode(image)
    for row in range(3):
        once = network.decode(features, condition(row))
        torch.testing.assert_close(once, network(image, condition(row)), rtol=0, atol=0)


@torch.no_grad()
def test_classes_can_be_asked_together(network: DenseUNet) -> None:
    features = network.encode(image_for(network))
    together = network.decode(features, condition(0, 1, 2))
    for row in range(3):
        torch.testing.assert_close(together[row : row + 1], network.decode(features, condition(row)))


@torch.no_grad()
def test_samples_of_a_batch_do_not_mix(network: DenseUNet) -> None:
    images = image_for(network, batch=2)
    both = network(images, condition(0, 1))
    torch.testing.assert_close(both[1:], network(images[1:], condition(1)))


def test_every_parameter_learns(network: DenseUNet) -> None:
    logits = network(image_for(network, batch=3), condition(0, 1, 2))
    logits.square().mean().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_a_size_that_does_not_divide_is_refused_with_the_remedy(network: DenseUNet) -> None:
    odd = image_for(network)[:, :, :-1]
    with pytest.raises(ValueError, match=f"multiples of {network.stride}"):
        network.encode(odd)


@torch.no_grad()
def test_the_class_touches_no_encoder_activation_of_cond_dec() -> None:
    network = build("dense_unet", {"condition_at": "decoder", **SMALL}).eval()
    seen: list[torch.Tensor] = []
    hooks = [block.register_forward_hook(lambda _m, _i, out: seen.append(out)) for block in network.down_blocks]
    network(image_for(network), condition(0))
    first, seen[:] = list(seen), []
    network(image_for(network), condition(2))
    for hook in hooks:
        hook.remove()
    assert len(first) == len(seen) == 3
    assert all(torch.equal(a, b) for a, b in zip(first, seen, strict=True))


@torch.no_grad()
def test_half_resolution_inside_gives_full_resolution_outside() -> None:
    network = build("dense_unet", {"stem_stride": 2, **SMALL}).eval()
    assert network.stride == 8
    assert network(image_for(network), condition(1)).shape == (1, 1, 24, 16, 16)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_can_be_built(name: str) -> None:
    preset = PRESETS[name]
    network = build(preset.network, {**preset.settings, "classes": 2})
    spatial = preset.window if preset.dimensions == "3D" else preset.window[:2]
    assert all(n % network.stride == 0 for n in spatial)
    assert count_parameters(network) > 100_000


def test_the_papers_preset_has_the_papers_shape() -> None:
    settings = build("dense_unet", PRESETS["paper-3d"].settings).settings
    assert len(settings.growth) == 6  # six dense blocks ...
    assert 32 // 2 ** (len(settings.growth) - 1) == 1  # ... and five poolings, which take 32 slices to one
    assert settings.slope == 0.3
    assert settings.layer_order == "activation_first"
    assert [g // settings.growth[0] for g in settings.growth] == [1, 2, 3, 4, 5, 6]  # proportional to depth
    assert settings.condition_at == "decoder"
    assert settings.conditioning == "constant"
    assert PRESETS["paper-3d"].window == (256, 256, 32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dimensions": 4}, "2 or 3 dimensions"),
        ({"growth": (16,), "layers": (1, 2)}, "same levels"),
        ({"condition_at": "input", "conditioning": "film"}, "takes conditioning 'constant'"),
        ({"stem_stride": 3}, "stem_stride"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DenseUNetSettings(**settings)  # type: ignore[arg-type]


def test_unknown_networks_and_settings_are_named() -> None:
    with pytest.raises(ValueError, match="no network 'dodo'; there are: dense_unet"):
        build("dodo", {})
    with pytest.raises(ValueError, match="no setting"):
        build("dense_unet", {"depth": 3})
