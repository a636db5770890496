"""Make the bundled characters and driving clips: `python -m kmc_core.training.demo_assets`.

Rendered from CC0 data by the code that renders training clips, but larger and with cast shadows.
The clip's exact motion goes beside the tests (`--truth tests/golden/driving_truth.safetensors`).
"""

import argparse
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..motion.files import save_motion
from .acting import act_face
from .annotate import expression_vector, to_motion
from .gestures import GESTURES, Act, neutral, pose_act
from .people import Person, random_person, shape_person
from .posing import Pose, gesture, grounding, posed
from .render import Camera, Light
from .staging import compose
from .studio import Studio

Array = NDArray[np.float64]
SUPERSAMPLE: Final = 3
LIGHT: Final = Light(
    key_direction=(0.5, -0.8, 0.55),
    key_light=(0.82, 0.78, 0.72),
    fill_light=(0.2, 0.22, 0.27),
    sky=(0.5, 0.53, 0.6),
    ground=(0.3, 0.27, 0.24),
    shadow=0.65,
)
FPS: Final = 24
# (gesture, seconds, seed): what the driving person does, one after the other.
SCENE: Final = (("wave", 0.9, 5), ("step", 0.5, 2), ("turn", 0.6, 3), ("raise", 0.7, 8))
TALK: Final = (("nod", 0.9, 2), ("shake", 1.0, 4), ("nod", 0.8, 7))  # what the talking head does
BLEND: Final = 0.22  # seconds from one gesture into the next
BEAT: Final = 0.5  # seconds between the clicks of the sound
RATE: Final = 44100


@dataclass(frozen=True)
class Character:
    """A person of the demo: the seed of body and face, and what to wear."""

    file: str
    seed: int
    size: tuple[int, int]
    close: bool  # a bust, otherwise head to feet
    wall: tuple[tuple[float, float, float], tuple[float, float, float]]  # light and dark of the backdrop
    wears: dict[str, Any]
    body: dict[str, float]


def character(studio: Studio, spec: Character) -> Person:
    """The person of a specification."""
    rng = np.random.default_rng(spec.seed)
    person = shape_person(random_person(spec.file, rng), studio.body, rng)
    calm = {k: 0.55 * v for k, v in person.shape.items()}
    return replace(
        person, phenotype=dict(person.phenotype) | spec.body, shape=calm, look=dict(person.look) | spec.wears
    )


def picture(studio: Studio, spec: Character) -> NDArray[np.uint8]:
    """[3, H, W] of a character at ease."""
    person = character(studio, spec)
    rng = np.random.default_rng(spec.seed)
    rest = studio.body.rest_heads(person.phenotype, person.shape)
    smile = {k: np.array([0.25]) for k in ("mouthSmileLeft", "mouthSmileRight")}
    pose = gesture("nod", np.zeros(1), rest, smile, rng, 0.0, head_play=False)
    pose.world["head"] = pose.world["spine01"]
    out = posed(studio, person, pose)
    mesh = out["vertices"].numpy() + grounding(studio, out)[:, None].astype(np.float32)
    head = mesh[0, studio.body.skin][:, 2].max()
    camera = (
        _camera(head - 0.42, head + 0.08, spec.size) if spec.close else _camera(-0.12, head + 0.14, spec.size)
    )
    rgba = studio.renderer.draw(mesh[0], camera, LIGHT, person.look, SUPERSAMPLE)
    return compose(rgba, studio_wall(camera, spec.wall, None if spec.close else mesh[0, studio.body.skin]))


def _camera(low: float, high: float, size: tuple[int, int]) -> Camera:
    middle, fov = (low + high) / 2, 20.0
    distance = (high - low) / 2 / np.tan(np.radians(fov) / 2)
    return Camera((0.0, -float(distance), float(middle) + 0.06), (0.0, 0.0, float(middle)), size, fov)


def studio_wall(camera: Camera, colors: tuple[Any, Any], feet: NDArray[np.float32] | None) -> Array:
    """[3, H, W]: a lit wall, and below a floor with the soft shadow of `feet` (a mesh standing on z = 0)."""
    width, height = camera.size
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    light = np.exp(-((x - 0.42) ** 2 + (y - 0.38) ** 2) * 2.2)
    wall = np.array(colors[1])[:, None, None] + np.subtract(colors[0], colors[1])[:, None, None] * light
    if feet is None:
        return wall
    edge = camera.project(np.array([0.0, 0.9, 0.0]))[1] / height
    floor = np.clip((y - edge) / 0.03, 0, 1)
    wall = wall * (1 - 0.16 * floor)
    low = feet[feet[:, 2] < 0.35]
    shade = np.zeros((height, width))
    for point in low[:: max(1, len(low) // 40)]:
        spot = camera.project(np.array([point[0] - 0.04, point[1] + 0.05, 0.0]))
        radius = 0.1 * camera.focal / spot[2]
        shade += np.exp(
            -(((x * width - spot[0]) / radius) ** 2 + ((y * height - spot[1]) / (0.3 * radius)) ** 2)
        )
    return wall * (1 - 0.5 * np.clip(shade / 5, 0, 1))


def scene(
    rest: dict[str, Array], seed: int, gestures: tuple[tuple[str, float, int], ...], lively: float
) -> Pose:
    """The driving person's motion: one gesture blending into the next, and back to rest; see `act_face`."""
    frames = round(sum(seconds for _, seconds, _ in gestures) * FPS)
    t = np.arange(frames) / FPS
    mixed = neutral(rest, frames, np.random.default_rng(seed))
    begin = 0.15
    for name, seconds, part in gestures:
        act = neutral(rest, frames, np.random.default_rng(seed))
        GESTURES[name][1](act, rest, t - begin, np.random.default_rng(part))
        inside = np.clip((t - begin) / BLEND, 0, 1) * np.clip((begin + seconds - t) / BLEND, 0, 1)
        mixed = mix(mixed, act, inside * inside * (3 - 2 * inside))
        begin += seconds - BLEND / 2
    face = act_face(t, np.random.default_rng(seed), lively)
    shift = mixed.hips if mixed.hips is not None else np.zeros((frames, 3))
    return Pose(
        pose_act(mixed, rest, np.zeros(frames)),
        face,
        shift,
        "scene",
        ", ".join(GESTURES[name][0] for name, *_ in gestures),
    )


def mix(a: Act, b: Act, weight: Array) -> Act:
    """`a` where `weight` [F] is 0, `b` where it is 1."""

    def blend(x: Any, y: Any) -> Any:
        if isinstance(x, dict):
            return {k: blend(x[k], y[k]) for k in x}
        if x is None or y is None:
            x, y = (np.zeros((len(weight), 3)) if v is None else v for v in (x, y))
        x, y = (np.broadcast_to(v, (len(weight), v.shape[-1])) for v in (x, y))
        return x + (y - x) * weight[:, None]

    return Act(**{f.name: blend(getattr(a, f.name), getattr(b, f.name)) for f in fields(Act)})


def driving_clip(studio: Studio, spec: Character, video: Path, truth: Path | None) -> None:
    """Render the scene, or the talking head for a bust; write the video with sound, and the exact motion."""
    person = character(studio, spec)
    rest = studio.body.rest_heads(person.phenotype, person.shape)
    pose = scene(rest, spec.seed, *((TALK, 1.0) if spec.close else (SCENE, 0.6)))
    out = posed(studio, person, pose)
    offsets = pose.shift + grounding(studio, out)
    meshes = out["vertices"].numpy() + offsets[:, None].astype(np.float32)
    top = float(meshes[:, studio.body.skin][..., 2].max())
    camera = (
        _camera(top - 0.44, top + 0.08, spec.size) if spec.close else _camera(-0.12, top + 0.1, spec.size)
    )
    frames, pictures = [], []
    for index, mesh in enumerate(meshes):
        wall = studio_wall(camera, spec.wall, None if spec.close else mesh[studio.body.skin])
        frames.append(compose(studio.renderer.draw(mesh, camera, LIGHT, person.look), wall))
        actions = expression_vector({k: float(v[index]) for k, v in pose.face.items()})
        pictures.append(studio.annotate(out, index, offsets[index], camera, actions))
    write_video(video, np.stack(frames).transpose(0, 2, 3, 1))
    if truth is not None:
        save_motion(to_motion(pictures, float(FPS), spec.size), truth)


def metronome(seconds: float) -> NDArray[np.float32]:
    """[1, N] soft clicks over two quiet tones."""
    t = np.arange(round(seconds * RATE)) / RATE
    click = np.sin(2 * np.pi * 880 * t) * np.exp(-(t % BEAT) * 40)
    hum = np.sin(2 * np.pi * 220 * t) + 0.6 * np.sin(2 * np.pi * 330 * t)
    return (0.35 * click + 0.05 * hum * np.minimum(1, 4 * np.minimum(t, t[-1] - t)))[None].astype(np.float32)


def write_video(path: Path, frames: NDArray[np.uint8]) -> None:
    """H.264 and AAC in MP4; `frames` [F, H, W, 3]."""
    import av

    with av.open(str(path), "w") as file:
        video: Any = file.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "slow"})
        video.width, video.height, video.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        audio: Any = file.add_stream("aac", rate=RATE, layout="mono")
        for frame in frames:
            file.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(metronome(len(frames) / FPS), format="fltp", layout="mono")
        sound.sample_rate = RATE
        file.mux(audio.encode(sound))
        file.mux(audio.encode(None))


DRIVER: Final = Character(
    "full_body.mp4",
    21,
    (384, 512),
    False,
    ((0.78, 0.8, 0.82), (0.5, 0.53, 0.57)),
    {
        "top_a": (0.85, 0.85, 0.83),
        "top_b": (0.15, 0.35, 0.65),
        "top_pattern": (1.0, 0.11, 0.2, 0.4),
        "bottom_a": (0.2, 0.22, 0.26),
        "bottom_pattern": (0.0, 0.1, 0.0, 0.5),
        "cut": (0.08, -0.74, 1.6, 0.59),
        "skirt": (0.0, -0.4, 0.16),
        "shoes": (0.75, 0.2, 0.15),
        "style": (2.0, 1.0, 0.784, -0.05),
        "hair": (0.2, 0.12, 0.07),
        "brows": (0.15, 0.09, 0.06),
        "hair_height": 0.02,
        "beard": (0.0, 0.0, 0.67),
    },
    {"gender": 0.1, "muscle": 0.6, "weight": 0.5, "height": 0.55, "age": 0.6, "proportions": 0.75},
)
TALKER: Final = replace(DRIVER, file="portrait.mp4", size=(384, 384), close=True, seed=12)
CHARACTERS: Final = (
    Character(
        "portrait.png",
        4,
        (512, 512),
        True,
        ((0.62, 0.68, 0.72), (0.22, 0.28, 0.36)),
        {
            "top_a": (0.1, 0.42, 0.46),
            "top_b": (0.9, 0.8, 0.55),
            "top_pattern": (0.0, 0.1, 0.0, 0.4),
            "cut": (0.08, -0.74, 2.9, 0.585),
            "vneck": 0.04,
            "style": (3.0, 0.5, 0.782, -0.05),
            "hair": (0.26, 0.13, 0.06),
            "brows": (0.2, 0.11, 0.06),
            "hair_height": 0.016,
            "iris": (0.22, 0.4, 0.3),
            "skin": (0.86, 0.65, 0.53),
            "lips": (0.72, 0.38, 0.36),
            "skirt": (0.0, -0.4, 0.16),
        },
        {"gender": 0.95, "age": 0.58, "weight": 0.45, "muscle": 0.45, "proportions": 0.8},
    ),
    Character(
        "full_body.png",
        11,
        (512, 768),
        False,
        ((0.86, 0.8, 0.72), (0.55, 0.48, 0.42)),
        {
            "top_a": (0.72, 0.12, 0.13),
            "top_b": (0.95, 0.93, 0.88),
            "top_pattern": (1.0, 0.1, 0.1, 0.35),
            "bottom_a": (0.12, 0.2, 0.45),
            "bottom_pattern": (0.0, 0.1, 0.0, 0.5),
            "cut": (0.1, -0.74, 2.9, 0.59),
            "skirt": (0.0, -0.4, 0.16),
            "shoes": (0.92, 0.92, 0.9),
            "style": (3.0, 0.6, 0.782, -0.05),
            "hair": (0.06, 0.05, 0.05),
            "brows": (0.06, 0.05, 0.05),
            "hair_height": 0.018,
            "skin": (0.62, 0.43, 0.3),
            "lips": (0.55, 0.3, 0.26),
        },
        {"gender": 0.95, "age": 0.6, "weight": 0.42, "muscle": 0.5, "height": 0.6, "proportions": 0.9},
    ),
    Character(
        "full_body_2.png",
        34,
        (512, 768),
        False,
        ((0.7, 0.82, 0.78), (0.34, 0.48, 0.46)),
        {
            "top_a": (0.93, 0.72, 0.15),
            "top_b": (0.15, 0.15, 0.18),
            "top_pattern": (5.0, 0.09, 0.0, 0.4),
            "bottom_a": (0.2, 0.4, 0.25),
            "bottom_pattern": (0.0, 0.1, 0.0, 0.5),
            "cut": (0.06, -0.3, 1.65, 0.6),
            "skirt": (0.0, -0.4, 0.16),
            "shoes": (0.3, 0.18, 0.1),
            "style": (2.0, 1.0, 0.786, -0.05),
            "hair": (0.62, 0.6, 0.57),
            "brows": (0.5, 0.48, 0.45),
            "hair_height": 0.014,
            "beard": (0.85, 0.7, 0.675),
            "skin": (0.9, 0.7, 0.6),
            "lips": (0.75, 0.45, 0.42),
        },
        {"gender": 0.0, "age": 0.9, "weight": 0.85, "muscle": 0.5, "height": 0.3, "proportions": 0.35},
    ),
)


def main() -> None:
    """Command line."""
    from PIL import Image

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("workflows/assets"))
    parser.add_argument("--truth", type=Path, default=Path("tests/golden/driving_truth.safetensors"))
    parser.add_argument("--only", help="make this file alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    studio = Studio()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for spec in CHARACTERS:
        if arguments.only in (None, spec.file):
            Image.fromarray(picture(studio, spec).transpose(1, 2, 0)).save(
                arguments.out / spec.file, optimize=True
            )
    for spec, truth in ((DRIVER, arguments.truth), (TALKER, None)):
        if arguments.only in (None, spec.file):
            driving_clip(studio, spec, arguments.out / spec.file, truth)


if __name__ == "__main__":
    main()
