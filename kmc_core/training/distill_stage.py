"""A distillation from its config: the networks, and the loss as the training loop takes it."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from ..errors import KMCError
from ..model.checkpoint import load_animator_file
from ..model.params import AnimatorParams
from ..model.transformer import Animator, build_animator
from . import processes
from .adversary import Adversary
from .config import TrainConfig
from .distill import distillation_loss
from .loop import Objective
from .validate import build


def distillation(config: TrainConfig) -> tuple[AnimatorParams, nn.ModuleDict, Objective]:
    """Sizes of the student, the networks that are trained, and the loss; the text encoder stays as it is.

    KMCError for a teacher that is a student itself, and for a student of another teacher.
    """
    distill = config.distill
    assert distill is not None
    params, weights = load_animator_file(Path(config.start))
    if params.student_steps:
        raise KMCError(f"`start` of {config.name} must be a teacher; {config.start} is a student already.")
    teacher, text = build(params, weights)
    model = nn.ModuleDict({"text": text.requires_grad_(False)})
    params = replace(params, student_steps=distill.steps)
    model["animator"] = _student(params, teacher, config)
    if distill.matching:
        model["fake"] = _imitating(params, teacher, config.seed)
    if distill.adversarial:
        with torch.random.fork_rng([]):
            torch.manual_seed(config.seed)
            model["adversary"] = Adversary(params.dim)
    teacher.requires_grad_(False).to(processes.device())
    objective = partial(
        distillation_loss, teacher=teacher, config=distill, shift=params.shift, drop=config.drop
    )
    return params, model, objective


def _student(params: AnimatorParams, teacher: Animator, config: TrainConfig) -> Animator:
    assert config.distill is not None
    if not config.distill.student:
        return _imitating(params, teacher, config.seed)
    own, weights = load_animator_file(Path(config.distill.student))
    if own != params:
        raise KMCError(
            f"{config.distill.student} is no {params.student_steps}-step student of {config.start}; distil "
            "one from it first."
        )
    return build(own, weights)[0].train()


def _imitating(params: AnimatorParams, teacher: Animator, seed: int) -> Animator:
    """A student that says what its teacher says, however it is told to guide."""
    student = build_animator(params, seed)
    student.load_state_dict(student.state_dict() | teacher.state_dict())
    return student
