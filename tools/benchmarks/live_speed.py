"""How soon and how fast live drafts come, by the node itself in the real host."""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STEPS, PIECE, LONGEST_PIECE = (1, 4), 8, 64


def live(shots: tuple[str, ...]) -> dict[str, Any]:
    """Of bundled clips: seconds to the first preview, and frames a second, from the video to the draft,
    reading its motion included; beside it the same in one piece, as it would be without the live mode.
    """
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]
    import host as host_tool
    from harness.inprocess import InProcessHost

    with tempfile.TemporaryDirectory(prefix="kmc-live-", ignore_cleanup_errors=True) as folder:
        host = InProcessHost(host_tool.locate(host_tool.DEFAULT_VERSION).comfyui, Path(folder))
        found = {}
        for shot in shots:
            fixed = _inputs(host, shot)
            _timed(host, fixed, steps=1, piece=PIECE)  # nets and weights are loaded
            ways = {f"{steps} steps": (steps, PIECE) for steps in STEPS} | {"one piece": (4, LONGEST_PIECE)}
            found[shot] = {
                name: _timed(host, fixed, steps=steps, piece=piece) for name, (steps, piece) in ways.items()
            }
        host.close()
    return found


def _inputs(host: Any, shot: str) -> dict[str, Any]:
    """A bundled clip and the bundled character that it drives, on the bundled weights."""
    assets = ROOT / "workflows/assets"
    picture = torch.from_numpy(np.array(Image.open(assets / f"{shot}.png").convert("RGB")))[None] / 255
    created = {"images": picture, "name": shot, "description": "", "backend": "torch"}
    subject = host.call("KMC_CreateSubject", **created)[0]
    identity = host.call("KMC_InjectIdentity", subject=subject, strength=1.0, views="all")[0]
    model, clip, vae = host.call("KMC_LoadAnimator", checkpoint="kmc_mini.safetensors")
    (text,) = host.call("CLIPTextEncode", clip=clip, text="a person, plain background")
    return {
        "model": model, "positive": text, "negative": text, "vae": vae, "identity": identity,
        "video": _video(assets / f"{shot}.mp4"),
    }  # fmt: skip


def _video(path: Path) -> Any:
    from comfy_api.latest import InputImpl

    return InputImpl.VideoFromFile(str(path))


def _timed(host: Any, fixed: dict[str, Any], **chosen: int) -> dict[str, float]:
    host.forget()
    nodes = {name: host.value(value) for name, value in fixed.items()}
    plain = {
        "fps": 24.0, "width": 0, "height": 0, "placement": "match picture", "seed": 3, "cfg": 1.0,
        "body_strength": 1.0, "hand_strength": 1.0, "face_strength": 1.0,
    }  # fmt: skip
    links: dict[str, Any] = {name: [name, 0] for name in fixed}
    nodes["live"] = {"class_type": "KMC_AnimateLive", "inputs": plain | chosen | links}
    nodes["show"] = {"class_type": "PreviewAny", "inputs": {"source": ["live", 2]}}
    begun, shown = time.perf_counter(), []

    def note(event: str, data: Any) -> None:
        if event == "preview":
            shown.append(time.perf_counter() - begun)

    result = host.run(nodes, on_event=note)
    seconds = time.perf_counter() - begun
    if not result.success:
        raise RuntimeError(result.error)
    frames = result.output("live", 1)
    return {
        "first_frame_seconds": round(shown[0], 3),
        "fps": round(frames / seconds, 2),
        "frames": frames,
        "largest_gap_seconds": round(float(np.diff(shown).max()), 3),
    }
