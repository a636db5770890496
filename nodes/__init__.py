"""The pack's nodes, one file for each stage of the graph."""

from . import animate, examples, extractors, identity, model, motion, people, prompt, sound

NODES = [
    *model.NODES,
    *motion.NODES,
    *people.NODES,
    *extractors.NODES,
    *identity.NODES,
    *prompt.NODES,
    *animate.NODES,
    *sound.NODES,
    *examples.NODES,
]
