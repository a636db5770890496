"""The pack's nodes, one file for each stage of the graph."""

from . import (
    animate,
    check,
    color,
    edit,
    examples,
    extractors,
    identity,
    keypoints,
    library,
    long_video,
    model,
    motion,
    people,
    prompt,
    provenance,
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
    *library.NODES,
    *prompt.NODES,
    *animate.NODES,
    *color.NODES,
    *long_video.NODES,
    *sound.NODES,
    *examples.NODES,
    *provenance.NODES,
]
