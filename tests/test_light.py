"""Colours are told from light: what a turn does to shading is no drift."""

import torch
import torch.nn.functional as F

from kmc_core.engines.color import compare
from kmc_core.engines.light import relit
from kmc_core.model.limbs import Pose
from kmc_core.model.prior import move_person
from kmc_core.model.proxy_normals import Normals, person_normals
from test_prior import SIDE, photograph, turned

LIGHT = torch.tensor([0.3, -0.2, -0.1])


def scene(frames: int = 3) -> tuple[torch.Tensor, Normals]:
    """Colours of a picture in OKLab [F, 3, 16, 16], and how the surface that they are on has turned."""
    rng = torch.Generator().manual_seed(0)
    colours = torch.rand(frames, 3, 16, 16, generator=rng) * 0.4 + 0.3
    viewed, shown = (F.normalize(torch.randn(frames, 3, 16, 16, generator=rng), dim=1) for _ in range(2))
    return colours, Normals(viewed, shown, torch.ones(frames, 1, 16, 16))


def lit(colours: torch.Tensor, normals: Normals) -> torch.Tensor:
    gain = torch.einsum("k,fkhw->fhw", LIGHT, normals.shown - normals.viewed)[:, None].exp()
    return torch.cat((colours[:, :1] * gain, colours[:, 1:]), 1)


def test_what_light_does_is_put_into_the_picture_and_an_offset_is_not() -> None:
    colours, normals = scene()
    there = lit(colours, normals)
    everywhere = torch.ones(3, 1, 16, 16)
    for offset in (1.0, 0.8):
        have = torch.cat((there[:, :1] * offset, there[:, 1:]), 1)
        wanted, weight = relit(have, colours, everywhere, normals)
        assert (wanted[:, 0] / there[:, 0] - 1).abs().mean() < 0.01, "the light, without the offset"
        assert torch.equal(wanted[:, 1:], colours[:, 1:]) and torch.equal(weight, everywhere)
    before, after = compare(have, colours, everywhere), compare(have, wanted, everywhere)
    exact = (there - have).mean((2, 3))
    assert (after.shift - exact).abs().max() < 0.25 * (before.shift - exact).abs().max()


def test_without_a_turn_nothing_is_relit_and_what_faces_nobody_knows_where_does_not_count() -> None:
    colours, normals = scene()
    still = normals._replace(shown=normals.viewed)
    wanted, _ = relit(colours * 0.8, colours, torch.ones(3, 1, 16, 16), still)
    assert torch.equal(wanted, colours)
    known = normals.known.clone()
    known[..., :8] = 0
    wanted, weight = relit(lit(colours, normals), colours, normals.known, normals._replace(known=known))
    assert torch.equal(wanted[..., :8], colours[..., :8]) and not weight[..., :8].any()


def test_normals_are_those_of_the_view_and_of_the_frame() -> None:
    front = photograph(turned(0.0))
    normals = person_normals([front], turned(0.6))
    assert normals is not None
    moved = move_person([front], turned(0.6))
    assert normals.known.sum() > 0.7 * ((moved.coverage - moved.unseen) > 0.9).sum()
    inside = normals.known[:, 0].bool()
    seen = normals.shown.movedim(1, -1)[inside]
    assert (seen[:, 2] < 0.1).float().mean() > 0.95, "what is seen faces the camera"
    turn = torch.tensor([[0.8253, 0, 0.5646], [0, 1, 0], [-0.5646, 0, 0.8253]])  # by 0.6 about the vertical
    expected = normals.viewed.movedim(1, -1)[inside] @ turn.T
    assert (expected * seen).sum(1).mean() > 0.9
    flat = front._replace(pose=turned(0.0))
    flat.pose.body[..., 2] = 0
    assert person_normals([flat], turned(0.6)) is None and normals.shown.shape == (1, 3, SIDE, SIDE)


def test_normals_can_be_cancelled_in_every_frame_that_is_drawn() -> None:
    still = turned(0.6)
    target = Pose(*(torch.cat((part, part, part)) for part in vars(still).values()))
    checks: list[int] = []
    person_normals([photograph(turned(0.0))], target, check=lambda: checks.append(1))
    assert len(checks) >= 2 * len(target.body), "the pixels are moved first, then the normals drawn"
