"""Colours held to the character's picture."""

import pytest
import torch

from kmc_core.engines.color import anchor_color, from_oklab, to_oklab
from kmc_core.engines.kmc import build_conditions
from kmc_core.errors import KMCError
from kmc_core.motion.types import Motion
from test_kmc_engine import TEXT, motion, subject
from tiny import PARAMS


def animation(frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What a perfect engine makes of the puppet [F, 3, 96, 96] and where its person is [F, 1, 96, 96]."""
    made = build_conditions(motion(frames), subject(), TEXT, params=PARAMS, size=(96, 96)).moved[0]
    return made[:3].transpose(0, 1) / 2 + 0.5, made[3:].transpose(0, 1)


def drifted(frames: torch.Tensor) -> torch.Tensor:
    """Darker, flatter and bluer with every frame."""
    lab = to_oklab(frames)
    time = torch.linspace(0, 1, len(frames))[:, None, None]
    lab[:, 0] = 0.5 + (lab[:, 0] - 0.5) * (1 - 0.25 * time) - 0.04 * time
    lab[:, 2] -= 0.02 * time
    return from_oklab(lab).clamp(0, 1)


def error(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """[F] mean OKLab distance in hundredths where the mask is."""
    distance = (to_oklab(a) - to_oklab(b)).norm(dim=1, keepdim=True)
    return 100 * (distance * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))


def test_oklab_of_known_colours_and_back() -> None:
    white = to_oklab(torch.ones(1, 3, 1, 1)).flatten()
    torch.testing.assert_close(white, torch.tensor([1.0, 0.0, 0.0]), atol=1e-3, rtol=0)
    red = to_oklab(torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)).flatten()
    torch.testing.assert_close(red, torch.tensor([0.62796, 0.22486, 0.12585]), atol=1e-3, rtol=0)
    colours = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(from_oklab(to_oklab(colours)), colours, atol=1e-3, rtol=0)


def test_drift_is_taken_back_on_the_person_alone() -> None:
    truth, mask = animation(12)
    bad = drifted(truth)
    held = anchor_color(bad, motion(12), subject(), steady=1)
    sure = (mask > 0.99).float()
    assert error(bad, truth, sure)[-1] > 5 and error(held, truth, sure).max() < 1.5  # some were clipped
    outside = (mask == 0).expand_as(bad)
    assert torch.equal(held[outside], bad[outside])
    whole = anchor_color(bad, motion(12), subject(), steady=1, where="whole picture")
    assert error(whole, truth, 1 - mask)[-1] < 0.5 * error(bad, truth, 1 - mask)[-1]


def test_strength_tells_how_far() -> None:
    truth, _ = animation(6)
    bad = drifted(truth)
    assert torch.allclose(anchor_color(bad, motion(6), subject(), strength=0), bad, atol=1e-3)
    half = anchor_color(bad, motion(6), subject(), strength=0.5, steady=1)
    full = anchor_color(bad, motion(6), subject(), steady=1)
    moved = (half - bad).abs().mean() / (full - bad).abs().mean()
    assert 0.35 < moved < 0.65


def test_frames_without_the_person_follow_their_neighbours() -> None:
    truth, _ = animation(6)
    parted = motion(6)
    parted.tracks[0].body[3:] = 0  # type: ignore[index]
    bad = (truth * 0.8).clamp(0, 1)
    held = anchor_color(bad, parted, subject(), where="whole picture", steady=1)
    assert held[4:].mean() > 1.1 * bad[4:].mean()
    nobody = Motion(24.0, parted.size, (parted.tracks[0],))
    nobody.tracks[0].body[:] = 0  # type: ignore[index]
    assert torch.equal(anchor_color(bad, nobody, subject()), bad)


def test_another_length_is_refused() -> None:
    with pytest.raises(KMCError, match=r"The animation has 3 frames, its motion 4"):
        anchor_color(torch.zeros(3, 3, 32, 32), motion(4), subject())
