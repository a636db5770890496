"""The pack's nodes, one file for each stage of the graph."""

from . import (
    animate,
    check,
    edit,
    examples,
    extractors,
    identity,
    long_video,
    model,
    motion,
    people,
    prompt,
    sound,
)

NODES = [
    *model.NODES,
    *motion.NODES,
    *people.NODES,
    *extractors.NODES,
    *edit.NODES,
    *check.NODES,
    *identity.NODES,
    *prompt.NODES,
    *animate.NODES,
    *long_video.NODES,
    *sound.NODES,
    *examples.NODES,
]
