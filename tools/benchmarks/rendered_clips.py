"""Clips of rendered people whose joints, hands and expressions are known exactly, for measuring detectors."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from kmc_core.motion.types import Motion
from kmc_core.training.acting import act_face
from kmc_core.training.annotate import expression_vector, to_motion
from kmc_core.training.backdrop import random_backdrop
from kmc_core.training.people import random_person, shape_person
from kmc_core.training.posing import gesture, posed
from kmc_core.training.render import Camera
from kmc_core.training.studio import Studio
from kmc_core.training.truth import compose, random_light

FPS = 24
SIZE = {"body": (720, 960), "far": (720, 960), "face": (640, 640)}  # width, height
SEED = {"body": 7, "far": 7, "face": 11}
FAR = 2.5  # times as far away: a person of a quarter of the picture's height, hands of 20 pixels
FOV = 24.0
GESTURES = ("wave", "dance", "raise", "reach")  # in the body clip, one after another


def render(studio: Studio, kind: str, frames: int, path: Path) -> Motion:
    """Write a clip of `frames` frames to `path` ("body": whole figure; "far": the same, farther away; "face":
    close-up); its truth.
    """
    rng = np.random.default_rng(SEED[kind])
    person = shape_person(random_person(f"benchmark-{kind}", rng), studio.body, rng)
    rest = studio.body.rest_heads(person.phenotype, person.shape)
    camera, pictures, truth = None, [], []
    light, backdrop = random_light(rng), random_backdrop(SIZE[kind], rng)
    wall = backdrop.cut(SIZE[kind], None)
    names = ("nod",) if kind == "face" else GESTURES
    for name, count in zip(names, _split(frames, len(names)), strict=True):
        t = np.arange(count) / FPS
        face = act_face(t, rng, 1.0 if kind == "face" else 0.5)
        pose = gesture(name, t, rest, face, rng, 0.0, head_play=kind == "face")
        out = posed(studio, person, pose)
        lift = np.zeros((count, 3))
        lift[:, 2] = -out["vertices"][:, studio.body.skin, 2].numpy().min(1)  # feet on the floor
        offsets = pose.shift + lift
        meshes = out["vertices"].numpy() + offsets[:, None].astype(np.float32)
        camera = camera or _camera(studio, out, meshes, offsets, kind)
        for i in range(count):
            pictures.append(compose(studio.renderer.draw(meshes[i], camera, light, person.look), wall))
            expression = expression_vector({action: float(curve[i]) for action, curve in face.items()})
            truth.append(studio.annotate(out, i, offsets[i], camera, expression))
    write_video(path, pictures)
    return to_motion(truth, FPS, SIZE[kind])


def _split(frames: int, parts: int) -> list[int]:
    return [frames // parts + (i < frames % parts) for i in range(parts)]


def _camera(studio: Studio, out: dict, meshes: np.ndarray, offsets: np.ndarray, kind: str) -> Camera:
    """A fixed camera in front: room for raised arms around a whole figure, or a head and its shoulders."""
    head = out["bone_poses"][0, studio.body.bone("head"), :3, 3].numpy() + offsets[0]
    middle, extent = (head[2] + 0.03, 0.6) if kind == "face" else (head[2] / 2 + 0.2, head[2] + 0.9)
    extent *= FAR if kind == "far" else 1
    distance = extent / 2 / np.tan(np.radians(FOV) / 2)
    target = (float(head[0]), float(head[1]), float(middle))
    return Camera((target[0], target[1] - float(distance), target[2]), target, SIZE[kind], FOV)


def write_video(path: Path, pictures: list[np.ndarray]) -> None:
    """uint8 pictures [3, H, W] -> an H.264 file of high quality."""
    with av.open(str(path), "w") as file:
        height, width = pictures[0].shape[1:]
        stream = file.add_stream("libx264", rate=Fraction(FPS), options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture.transpose(1, 2, 0)), format="rgb24"
            )
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
