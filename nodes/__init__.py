"""The pack's nodes, one file for each stage of the graph."""

from . import (
    animate,
    check,
    edit,
    examples,
    extractors,
    identity,
    keypoints,
    model,
    motion,
    people,
    prompt,
    sound,
)

NODES = [
    *model.NODES,
    *motion.NODES,
    *keypoints.NODES,
    *people.NODES,
    *extractors.NODES,
    *edit.NODES,
    *check.NODES,
    *identity.NODES,
    *prompt.NODES,
    *animate.NODES,
    *sound.NODES,
    *examples.NODES,
]
