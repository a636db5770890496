"""What a distillation depends on: the table [distill] of a run's TOML."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DistillConfig:
    """The run's `start` is the teacher. The last four are the weights of the losses; 0 leaves one out."""

    student: str = ""  # weights to go on from; empty starts as the teacher
    steps: int = 4  # of the student's schedule
    substeps: int = 8  # of the teacher's, in each of them
    strongest: float = 2.0  # guidance strengths are drawn from 1 to this
    merged: float = 1.0
    trajectory: float = 0.0
    matching: float = 0.0
    adversarial: float = 0.0  # a head on the matching's second network

    def __post_init__(self) -> None:
        if self.adversarial and not self.matching:
            raise ValueError("adversarial needs matching above 0, whose second network it judges by")
