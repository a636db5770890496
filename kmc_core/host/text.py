"""Text from a language model that the host has loaded as CLIP."""

from collections.abc import Callable
from typing import Any

from ..errors import KMCError

LENGTH = 512  # tokens of an answer at most


def text_generator(clip: Any) -> Callable[[str], str]:
    """instruction -> answer of the model behind `clip`, its likeliest words. The answer's function raises
    KMCError where the host or the model cannot write.
    """

    def generate(instruction: str) -> str:
        if not hasattr(clip, "generate"):
            raise KMCError("This ComfyUI's text encoders cannot write text; update it or disconnect clip.")
        try:
            tokens = clip.tokenize(instruction, skip_template=False, min_length=1, thinking=False)
            written = clip.generate(tokens, do_sample=False, max_length=LENGTH)
        except (
            AttributeError,
            NotImplementedError,
            TypeError,
        ) as error:  # an encoder without a decoder's head
            raise KMCError(
                "Expected a language model such as Qwen or Gemma as clip, got a text encoder that cannot "
                "write; load one with Load CLIP or disconnect it."
            ) from error
        return clip.decode(written)

    return generate
