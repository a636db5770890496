"""Everything that rendering people needs, loaded once."""

from pathlib import Path
from typing import Final, Literal

from .annotate import Annotator
from .body import Body
from .mocap import DEFAULT_FOLDER, Mocap, read_bvh
from .render import Renderer

Split = Literal["train", "val"]

# Rows of each motion capture file per split: the end of the second file is never trained on.
MOCAP_ROWS: Final[dict[Split, dict[str, tuple[float, float]]]] = {
    "train": {"01_01.bvh": (0.0, 1.0), "01_03.bvh": (0.0, 0.65)},
    "val": {"01_03.bvh": (0.7, 1.0)},
}


class Studio:
    """Everything that is loaded once: the body, the renderer, the motion capture."""

    def __init__(self, mocap_folder: Path = DEFAULT_FOLDER) -> None:
        self.body = Body()
        self.renderer = Renderer(self.body.rest, self.body.paint, self.body.triangles)
        self.annotate = Annotator(self.body)
        names = sorted({name for rows in MOCAP_ROWS.values() for name in rows})
        self.mocap: dict[str, Mocap] = {name: read_bvh(mocap_folder / name) for name in names}
