"""The pack's nodes, one file for each stage of the graph."""

from . import animate, examples, identity, model, motion, prompt, sound

NODES = [
    *model.NODES,
    *motion.NODES,
    *identity.NODES,
    *prompt.NODES,
    *animate.NODES,
    *sound.NODES,
    *examples.NODES,
]
