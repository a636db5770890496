"""What the animator promises, at tiny size."""

import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kmc_core.errors import KMCError
from kmc_core.model.checkpoint import load_animator_file, save_animator
from kmc_core.model.conditions import KEEP, AnimatorConditions, batched
from kmc_core.model.params import AnimatorParams
from kmc_core.model.text import TextEncoder
from kmc_core.model.transformer import Animator, build_animator, start_at_prior
from tiny import PARAMS, frames_of, tiny_animator, tiny_conditions, tiny_noise

HALF = torch.tensor([0.5])


@torch.no_grad()
def test_untrained_animator_returns_the_moved_pixels_where_they_cover():
    conditions = tiny_conditions()
    colour = conditions.moved[:, :3]
    conditions = replace(conditions, moved=torch.cat((colour, torch.ones_like(colour[:, :1])), 1))
    x0_hat = build_animator(PARAMS)(tiny_noise(), HALF, conditions)
    assert (x0_hat - colour).abs().mean() < 0.05


@torch.no_grad()
def test_conditions_are_encoded_once_for_all_steps():
    model, conditions = tiny_animator(), tiny_conditions()
    cached = model.encode(conditions)
    for sigma in (0.1, 0.9):
        level = torch.tensor([sigma])
        assert torch.equal(
            model(tiny_noise(), level, conditions), model.denoise(tiny_noise(), level, conditions, cached)
        )


@torch.no_grad()
@pytest.mark.parametrize(
    "name", [f.name for f in fields(AnimatorConditions) if f.name not in ("keep", "carried", "guidance")]
)
def test_every_condition_changes_the_result(name: str):
    model, conditions = tiny_animator(), tiny_conditions()
    changed = replace(conditions, **{name: getattr(tiny_conditions(seed=5), name)})
    difference = model(tiny_noise(), HALF, conditions) - model(tiny_noise(), HALF, changed)
    assert difference.abs().max() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize(
    ("dropped", "named"),
    [
        ("hands", ("hands",)),
        ("face", ("face",)),
        ("text", ("text",)),
        ("identity", ("references", "reference_maps", "identity", "moved")),
        ("body", ("maps", "reference_maps", "moved")),
    ],
)
def test_a_dropped_condition_has_no_influence(dropped: str, named: tuple[str, ...]):
    model, conditions = tiny_animator(), tiny_conditions().drop(dropped)
    other = tiny_conditions(seed=5)
    changed = replace(conditions, **{name: getattr(other, name) for name in named})
    assert torch.equal(model(tiny_noise(), HALF, conditions), model(tiny_noise(), HALF, changed))


@torch.no_grad()
def test_a_frame_depends_only_on_frames_within_reach():
    model, conditions = tiny_animator(), tiny_conditions(frames=9)
    z = tiny_noise(frames=9)
    reach = PARAMS.depth * PARAMS.temporal_radius
    whole = model(z, HALF, conditions)
    start = model(z[:, :, : reach + 2], HALF, frames_of(conditions, slice(0, reach + 2)))
    torch.testing.assert_close(whole[:, :, :2], start[:, :, :2], atol=1e-5, rtol=1e-5)
    assert (whole[:, :, 2] - start[:, :, 2]).abs().max() > 1e-6


@torch.no_grad()
def test_carried_frames_are_kept_and_seen_by_their_neighbours():
    model, conditions = tiny_animator(), tiny_conditions()
    carried = tiny_noise(seed=7)[:, :, :1]
    x0_hat = model(tiny_noise(), HALF, replace(conditions, carried=carried))
    assert torch.equal(x0_hat[:, :, :1], carried)
    assert not torch.equal(x0_hat[:, :, 1:], model(tiny_noise(), HALF, conditions)[:, :, 1:])


@torch.no_grad()
def test_a_batch_equals_its_clips_one_by_one():
    model = tiny_animator()
    clips = [tiny_conditions(seed=k) for k in range(2)]
    sigma = torch.tensor([0.3, 0.8])
    together = model(tiny_noise(2), sigma, batched(clips))
    for k, clip in enumerate(clips):
        alone = model(tiny_noise(2)[k : k + 1], sigma[k : k + 1], clip)
        torch.testing.assert_close(together[k : k + 1], alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_half_precision_layers_do_not_round_the_pixels_that_are_kept():
    exact, conditions = ("moved", "background"), tiny_conditions()
    model = build_animator(PARAMS)
    expected = model(tiny_noise(), HALF, conditions)
    half = replace(conditions.to(dtype=torch.bfloat16), **{name: getattr(conditions, name) for name in exact})
    x0_hat = model.to(torch.bfloat16)(tiny_noise(), HALF, half)
    assert x0_hat.dtype == torch.float32
    torch.testing.assert_close(x0_hat, expected, atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_words_have_the_same_ids_everywhere_and_padding_is_silent():
    encoder = TextEncoder(PARAMS.text)
    tokens = encoder.tokenize("A red shirt")
    assert tokens.tolist() == [19, 58, 23, 0, 0, 0, 0, 0]
    encoded = encoder(tokens[None])
    assert encoded[0, 3:].abs().max() == 0
    assert encoder(encoder.tokenize("")[None]).isfinite().all()


def test_words_past_the_length_are_told(caplog: pytest.LogCaptureFixture):
    encoder = TextEncoder(PARAMS.text)
    encoder.tokenize("one two three four five six seven eight")
    assert not caplog.records
    encoder.tokenize("one two three four five six seven eight nine ten")
    assert "reads the first 8 words of a prompt; not read: nine ten" in caplog.text


def test_checkpoint_round_trip(tmp_path: Path):
    state = {f"animator.{k}": v for k, v in tiny_animator().state_dict().items()}
    save_animator(tmp_path / "tiny.safetensors", PARAMS, state, {"run": "test"})
    params, loaded = load_animator_file(tmp_path / "tiny.safetensors")
    assert params == PARAMS
    assert all(torch.equal(loaded[k], v.half()) for k, v in state.items())


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"kind": "lora"}, "is not a KMC animator: expected kind 'kmc_animator' in its metadata, got 'lora'"),
        (
            {"kind": "kmc_animator", "version": "9"},
            "has format version 9, expected 1. Update KMC Motion Control.",
        ),
    ],
)
def test_foreign_or_newer_weights_are_refused(tmp_path: Path, metadata: dict[str, str], message: str):
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors", metadata | {"params": json.dumps({})})
    with pytest.raises(KMCError, match=message.replace("(", r"\(")):
        load_animator_file(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    "params", ["{", "{}", json.dumps({"text": {}, "rope_axes": [16, 24, 24], "wings": 2}),
               json.dumps({"text": {}, "rope_axes": [1, 2, 3]})],
)  # fmt: skip
def test_sizes_that_this_version_does_not_know_are_refused(tmp_path: Path, params: str):
    metadata = {"kind": "kmc_animator", "version": "1", "params": params}
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors", metadata)
    with pytest.raises(KMCError, match=r"x.safetensors describes sizes that this version does not know"):
        load_animator_file(tmp_path / "x.safetensors")


def test_missing_and_truncated_weights_are_told(tmp_path: Path):
    with pytest.raises(KMCError, match="Animator weights not found: none.safetensors"):
        load_animator_file(tmp_path / "none.safetensors")
    save_animator(tmp_path / "cut.safetensors", PARAMS, {"a": torch.zeros(64)}, {})
    whole = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-20])
    with pytest.raises(KMCError, match="cut.safetensors is damaged"):
        load_animator_file(tmp_path / "cut.safetensors")


def test_keep_has_a_column_for_every_condition_that_can_be_dropped():
    assert tiny_conditions().drop("face").keep[0].tolist() == [float(name != "face") for name in KEEP]


def test_a_forgotten_head_begins_at_the_prior_itself():
    conditions = tiny_conditions()
    model = tiny_animator()
    fresh = build_animator(PARAMS)(tiny_noise(), HALF, conditions)
    assert not torch.allclose(model(tiny_noise(), HALF, conditions), fresh)
    start_at_prior(model)
    assert torch.allclose(model(tiny_noise(), HALF, conditions), fresh)


@torch.no_grad()
def test_blocks_of_the_head_start_without_effect_and_then_see_far():
    before = _random_head(replace(PARAMS, pixel_blocks=0))
    model, conditions = build_animator(PARAMS, seed=1), tiny_conditions()
    missing = model.load_state_dict(before.state_dict(), strict=False).missing_keys
    assert all(".look." in name or ".around." in name for name in missing) and missing
    plain = before(tiny_noise(), HALF, conditions)
    assert torch.equal(model(tiny_noise(), HALF, conditions), plain)
    for block in model.head.around:
        torch.nn.init.normal_(block.near.weight)
    torch.nn.init.normal_(model.head.look.weight)
    moved = conditions.moved.clone()
    moved[..., 16, 16] += 1  # one pixel
    made, other = (model(tiny_noise(), HALF, replace(conditions, moved=m)) for m in (conditions.moved, moved))
    rows = (made - other).abs().amax((0, 1, 2, 4)).nonzero()
    assert rows.min() <= 4 and rows.max() >= 28


def _random_head(params: AnimatorParams) -> Animator:
    model = build_animator(params)
    torch.nn.init.normal_(model.head.fine2.weight, generator=torch.Generator().manual_seed(0))
    return model


def test_files_from_before_the_heads_blocks_have_none(tmp_path: Path):
    old = replace(PARAMS, pixel_blocks=0)
    told = {name: value for name, value in asdict(old).items() if name != "pixel_blocks"}
    metadata = {"kind": "kmc_animator", "version": "1", "params": json.dumps(told)}
    save_file(build_animator(old).state_dict(), tmp_path / "old.safetensors", metadata)
    params, state = load_animator_file(tmp_path / "old.safetensors")
    assert params == old
    build_animator(params).load_state_dict(state)
