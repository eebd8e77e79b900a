"""What only the conditioned dense U-Net promises."""

from typing import Any

import pytest
import torch

from condseg_models import OWN_ENCODER, PRESETS, Condition, DenseUNetSettings, build

SMALL = {"width": 16, "growth": (16, 16, 16), "layers": (1, 2, 1), "classes": 3}


def image() -> torch.Tensor:
    return torch.randn(1, 1, 16, 8, 8, generator=torch.Generator().manual_seed(1))


def condition(row: int) -> Condition:
    return Condition(torch.tensor([row]), torch.tensor([(-1.0, 1.0, 0.0)[row]]))


@torch.no_grad()
def test_the_class_touches_no_encoder_activation_of_cond_dec() -> None:
    network: Any = build("dense_unet", {"condition_at": "decoder", **SMALL}).eval()
    seen: list[torch.Tensor] = []
    hooks = [block.register_forward_hook(lambda _m, _i, out: seen.append(out)) for block in network.down_blocks]
    network(image(), condition(0))
    first, seen[:] = list(seen), []
    network(image(), condition(2))
    for hook in hooks:
        hook.remove()
    assert len(first) == len(seen) == 3
    assert all(torch.equal(a, b) for a, b in zip(first, seen, strict=True))


@torch.no_grad()
def test_an_encoder_of_its_own_changes_its_class_and_no_other() -> None:
    torch.manual_seed(0)
    shared: Any = build("dense_unet", {**SMALL, "class_rank": 2}).eval()
    roomy: Any = build("dense_unet", {**SMALL, "class_rank": 2, "own_encoders": True}).eval()
    roomy.load_state_dict(shared.state_dict(), strict=False)
    everyone = Condition(torch.tensor([0, 1, 2]), torch.tensor([-1.0, 1.0, 0.0]))
    before = shared(image(), everyone)
    assert torch.equal(roomy(image(), everyone), before)
    roomy.get_parameter(OWN_ENCODER)[1] = 1.0
    assert torch.allclose(roomy(image(), everyone), before, atol=1e-5), "nothing is learnt in it yet"
    roomy.down_blocks[0].classes[0].class_rows[1] += 0.3
    roomy.down_blocks[1].mixes[0].outer_class_rows[1] += 0.3
    after = roomy(image(), everyone)
    for row in (0, 2):
        assert torch.equal(after[row], shared(image(), condition(row))[0])
    assert not torch.allclose(after[1], before[1], atol=1e-3)
    assert torch.allclose(roomy(image(), condition(1)), after[1:2], atol=1e-6)
    two = roomy.encode(torch.cat([image(), image()]))
    assert torch.allclose(roomy.decode(two, Condition(torch.tensor([1, 0]), torch.zeros(2))), after[[1, 0]], atol=1e-6)


@pytest.mark.parametrize(
    "settings", [{"class_rank": 0}, {"condition_at": "both"}, {"conditioning": "constant"}], ids=lambda s: next(iter(s))
)
def test_encoders_of_their_own_need_rows_with_room_for_them(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="own_encoders takes"):
        build("dense_unet", {**SMALL, "class_rank": 2, "own_encoders": True, **settings})


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"condition_at": "decoder"}, {"up_blocks.0", "up_blocks.1"}),
        ({"condition_at": "decoder", "condition_levels": (0,)}, {"up_blocks.1"}),
        ({"condition_at": "decoder", "condition_levels": (1,)}, {"up_blocks.0"}),
        ({"condition_at": "encoder"}, {"down_blocks.0", "down_blocks.1", "down_blocks.2"}),
        ({"condition_at": "both", "condition_levels": (0,)}, {f"down_blocks.{n}" for n in range(3)} | {"up_blocks.1"}),
        ({"condition_at": "none"}, set()),
    ],
)
def test_the_class_enters_where_it_is_let_in(settings: dict[str, object], where: set[str]) -> None:
    network = build("dense_unet", {**SMALL, **settings})
    rows = {name for name, _ in network.named_parameters() if name.endswith("class_rows")}
    assert {name.split(".classes")[0] for name in rows} == where


@torch.no_grad()
def test_half_resolution_inside_gives_full_resolution_outside() -> None:
    network = build("dense_unet", {"stem_stride": 2, **SMALL}).eval()
    assert network.stride == 8
    assert network(image(), condition(1)).shape == (1, 1, 16, 8, 8)


def test_the_papers_preset_has_the_papers_shape() -> None:
    network: Any = build("dense_unet", PRESETS["paper-3d"].settings)
    settings = network.settings
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
        ({"condition_at": "nowhere"}, "condition_at is one of none"),
        ({"condition_levels": (2,)}, "must be among"),
        ({"condition_at": "encoder", "condition_levels": (0,)}, "levels of the decoder"),
        ({"stem_stride": 3}, "stem_stride"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DenseUNetSettings(**settings)  # type: ignore[arg-type]
