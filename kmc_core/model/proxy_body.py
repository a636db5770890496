"""The proxy body: a low-poly person in parts that a motion can pose, so that pixels of one pose find their
place in another.

Axes as in a Motion: x right, y down, z away; the person at rest faces the camera, in metres. Made by
`python -m kmc_core.training.export_proxy`.
"""

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor

from ..motion.face_mesh import OVAL
from ..motion.skeleton import JOINT

FILE: Final = Path(__file__).with_name("proxy_body.safetensors")
BODY, HAND = 25, 21
HAND_AT: Final = (BODY, BODY + HAND)  # where the left and the right hand's joints begin
RIM_NEAR: Final = 0.01  # metres by which a further point of the face's outline moves the skin beyond it less
RIM_REACH: Final = 0.04  # and how far it moves any
KNUCKLES: Final = (5, 9, 17)  # index, middle and little finger


class Part(NamedTuple):
    """One rigid part between joints a and b that hangs on its parent; it is drawn `nearer` metres nearer than
    its joints say: hands lie on the body, and found depths are rough.
    """

    name: str
    a: int
    b: int
    parent: int
    nearer: float = 0.0


def _parts() -> tuple[Part, ...]:
    neck, pelvis = JOINT["neck"], JOINT["pelvis"]
    parts = [
        Part("hips", pelvis, neck, 1),
        Part("chest", neck, pelvis, 1),
        Part("head", neck, JOINT["nose"], 1),
    ]
    for side, hand in zip("lr", HAND_AT, strict=True):
        shoulder, elbow, wrist = (JOINT[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        hip, knee, ankle, toe = (JOINT[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "big_toe"))
        first = len(parts)
        parts += [
            Part(f"{side}_upper_arm", shoulder, elbow, 1),
            Part(f"{side}_forearm", elbow, wrist, first, 0.01),
            Part(f"{side}_twisted_forearm", elbow, wrist, first + 1, 0.01),
            Part(f"{side}_hand", hand, hand + KNUCKLES[1], first + 2, 0.02),
            Part(f"{side}_thigh", hip, knee, 0),
            Part(f"{side}_shin", knee, ankle, first + 4),
            Part(f"{side}_foot", ankle, toe, first + 5),
        ]
        for finger in range(5):
            for joint in range(3):
                a = hand + 1 + 4 * finger + joint
                parent = len(parts) - 1 if joint else first + 3
                parts.append(Part(f"{side}_finger{finger + 1}_{joint + 1}", a, a + 1, parent, 0.02))
    return tuple(parts)


PARTS: Final = _parts()
NAMES: Final = {part.name: index for index, part in enumerate(PARTS)}
HIPS, CHEST, HEAD = 0, 1, 2
HANDS: Final = (NAMES["l_hand"], NAMES["r_hand"])
ARMS: Final = (NAMES["l_upper_arm"], NAMES["r_upper_arm"])
TWISTED: Final = {NAMES[f"{s}_twisted_forearm"]: NAMES[f"{s}_hand"] for s in "lr"}  # with whose twist
FINGERS: Final = tuple(k for k, part in enumerate(PARTS) if "finger" in part.name)


class ProxyBody(NamedTuple):
    """The mesh at rest: the skin's vertices, then the 478 face landmarks, then those of shells, if any."""

    vertices: Tensor  # [V, 3]
    parts: Tensor  # [V, 4] the parts that move a vertex
    weights: Tensor  # [V, 4] how much
    triangles: Tensor  # [T, 3] counter-clockwise seen from outside
    part: Tensor  # [T] the part that a triangle belongs to
    joints: Tensor  # [67, 3] body, left hand, right hand
    skin: int  # vertices before the landmarks
    solid: int  # triangles before those of shells
    rim: Tensor  # [skin, R] how much the skin follows each point of the face's outline
    long: Tensor  # [T, 2] metres, least and most, that a triangle's longest side has unless it tears
    shells: tuple[slice, ...] = ()  # the triangles of each view's shell, seen from its front, then its back

    def to(self, device: torch.device) -> "ProxyBody":
        """The body on another device."""
        moved = {k: v.to(device) for k, v in self._asdict().items() if isinstance(v, Tensor)}
        return self._replace(**moved)


@cache
def proxy_body() -> ProxyBody:
    """The body that is shipped."""
    file = load_file(FILE)
    landmarks, skin = file["landmarks"], len(file["vertices"])
    head = torch.full((len(landmarks), file["parts"].shape[1]), HEAD)
    only = torch.eye(file["parts"].shape[1])[:1].expand(len(landmarks), -1)
    parts, weights = torch.cat((file["parts"].long(), head)), torch.cat((file["weights"], only))
    triangles = torch.cat((file["triangles"].long(), file["face_triangles"].long() + skin))
    apart = torch.cdist(file["vertices"], landmarks[list(OVAL)])
    near = (-apart.amin(1, keepdim=True) / RIM_REACH).exp() * (parts[:skin] == HEAD).mul(weights[:skin]).sum(
        1, keepdim=True
    )
    return ProxyBody(
        torch.cat((file["vertices"], landmarks)),
        parts,
        weights,
        triangles,
        parts[:, 0][triangles].mode(1).values,
        file["joints"],
        skin,
        len(triangles),
        near * torch.softmax(-apart / RIM_NEAR, 1),
        torch.tensor((0.0, torch.inf)).expand(len(triangles), 2),
    )
