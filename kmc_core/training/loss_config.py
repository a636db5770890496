"""The table `[loss]` of a training config."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LossConfig:
    """What is asked of an animator beside right pixels and edges; a weight of 0 leaves a part out."""

    frames: float = 0.0  # whole frames as our detectors see them
    clips: int = 4  # of the batch that they look at
    regions: float = 0.0  # faces and hands, close up, as the nets see them that read them
    each: int = 4  # faces, hands and aligned faces a step
    steady: float = 0.0  # the change from frame to frame
    critic: float = 0.0  # a patch discriminator's opinion; for late stages
    strangers: float = 0.0  # most that hands' shape and expression are changed to another person's
    carried: float = 0.0  # chance that the first frame is given, as a long video carries it on
