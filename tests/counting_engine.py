"""An engine that gives back what it is shown: SCAIL-2's real classes with an exact VAE and no network's work.

The number of each frame is burned into a driving clip; on its way into the result it passes the adapter, the
host's node, the sampler, the carried frames, the store and the encoder, as every picture does.
"""

from pathlib import Path
from typing import Any

import av
import torch
import torch.nn.functional as F

from kmc_core.motion.retarget import retarget
from kmc_core.subject.identity import Identity
from moving_person import HEIGHT, WIDTH, character, person
from tiny_wan import load_tiny, load_tiny_vae, tiny_clip_vision, tiny_text

RATE = 48000  # samples a second


class FramesAsChannels(torch.nn.Module):
    """A video VAE of Wan's shapes that loses no frame: the colours of four are twelve channels."""

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """[B, 3, 4 T - 3, 8 h, 8 w] -> [B, 16, T, h, w]"""
        frames = torch.cat([pixels[:, :, :1].expand(-1, -1, 3, -1, -1), pixels], 2)
        small = F.avg_pool3d(frames, (1, 8, 8)).unflatten(2, (-1, 4)).transpose(2, 3).flatten(1, 2)
        return F.pad(small, (0, 0, 0, 0, 0, 0, 0, 4))

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """The inverse of `encode`."""
        frames = latent[:, :12].unflatten(1, (3, 4)).transpose(2, 3).flatten(2, 3)[:, :, 3:]
        return F.interpolate(frames, scale_factor=(1.0, 8.0, 8.0))


def counting_inputs(host: Any, frames: int, fps: float, folder: Path) -> dict[str, Any]:
    """Inputs of Animate Long Video that make it copy a counted clip; `video` is a file with sound."""
    from dataclasses import replace

    from comfy_api.latest import InputImpl

    from kmc_core.host.media import sound_of

    subject = character()
    driver = replace(person(frames), fps=fps)
    model, vae = load_tiny(host.base, "scail2").clone(), load_tiny_vae(host.base)
    vae.first_stage_model = FramesAsChannels()
    model.set_model_unet_function_wrapper(_shown)
    video = InputImpl.VideoFromFile(str(counted_clip(folder / f"{frames}_{fps:.0f}.mp4", frames, fps)))
    return {
        "model": model, "vae": vae, "clip_vision": tiny_clip_vision(), "positive": tiny_text(0),
        "negative": tiny_text(1), "motion": retarget(driver, subject), "identity": Identity(subject),
        "video": video, "video_motion": driver, "audio": sound_of(video), "width": 64, "height": 64,
        "anchor_colors": False,
    }  # fmt: skip


def _shown(network: Any, given: dict[str, Any]) -> torch.Tensor:
    """What the driving video shows, at the result's size."""
    pose = given["c"]["pose_latents"][:, :16]
    return F.interpolate(pose, size=given["input"].shape[2:]).to(given["input"])


def counted_clip(path: Path, frames: int, fps: float) -> Path:
    """A clip in which each frame's colour is its number, three digits to the base 16, with a beep."""
    from kmc_core.host.video_writer import write_video

    number = torch.arange(frames)
    digits = torch.stack([(number // 16**k) % 16 * 16 + 8 for k in range(3)], 1).to(torch.uint8)
    sound = torch.zeros(1, 1, int(RATE * frames / fps))
    sound[..., beep(frames, fps) :][..., :2400] = 1
    pictures = (row[:, None, None].expand(3, HEIGHT, WIDTH) for row in digits)
    write_video(path, pictures, fps, {"waveform": sound, "sample_rate": RATE}, 0)
    return path


def beep(frames: int, fps: float) -> int:
    """Sample at which the clip beeps: the start of its middle frame."""
    return int(frames // 2 / fps * RATE)


def numbers(path: Path) -> list[int]:
    """The numbers that the frames of a video tell."""
    with av.open(str(path)) as file:
        colours = [frame.to_ndarray(format="rgb24").mean((0, 1)) for frame in file.decode(video=0)]
    return [sum(int(digit // 16) * 16**k for k, digit in enumerate(colour)) for colour in colours]


def beep_late(path: Path, frames: int, fps: float) -> float:
    """Frames by which a result beeps too late, negative when too early; nan for a silent one."""
    from kmc_core.perception.sound import read_sound

    sound = read_sound(path)
    heard = [] if sound is None else (sound.waveform[0].abs() > 0.3).nonzero()[:, 0].tolist()
    return (heard[0] - beep(frames, fps)) / RATE * fps if heard else float("nan")
