"""A small word-level text encoder: enough for the caption grammar that the mini animator was trained on."""

import logging
import re
import zlib
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .params import TextParams

PAD = 0  # id of "no word"


class TextEncoder(nn.Module):
    """Words hashed to buckets, embedded and passed through `depth` transformer layers."""

    def __init__(
        self, params: TextParams, *, operations: Any = nn, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.params = params
        self.embedding = operations.Embedding(params.vocabulary, params.dim, **place)
        self.position = nn.Parameter(torch.zeros(params.length, params.dim, **place))
        self.layers = nn.ModuleList(TextLayer(params, operations, place) for _ in range(params.depth))
        self.norm = operations.LayerNorm(params.dim, **place)

    def tokenize(self, text: str) -> Tensor:
        """Word ids [length], padded with PAD. A word keeps its id everywhere (CRC-32 of its letters).

        Words past the length are left out, which is logged.
        """
        words = re.findall(r"\w+", text.lower())
        if left_out := words[self.params.length :]:
            logging.getLogger(__name__).warning(
                "The KMC animator reads the first %d words of a prompt; not read: %s",
                self.params.length,
                " ".join(left_out),
            )
        words = words[: self.params.length]
        ids = [1 + zlib.crc32(word.encode()) % (self.params.vocabulary - 1) for word in words]
        return torch.tensor(ids + [PAD] * (self.params.length - len(ids)))

    def forward(self, tokens: Tensor) -> Tensor:
        """Word ids [B, L] -> embeddings [B, L, C]; padding gives zeros."""
        seen = tokens != PAD
        x = self.embedding(tokens)
        x = x + self.position.to(x)
        for layer in self.layers:
            x = layer(x, seen)
        return self.norm(x) * seen[..., None]


class TextLayer(nn.Module):
    """Pre-norm self-attention and MLP."""

    def __init__(self, params: TextParams, operations: Any, place: dict[str, Any]) -> None:
        super().__init__()
        self.heads = params.heads
        self.norm1 = operations.LayerNorm(params.dim, **place)
        self.qkv = operations.Linear(params.dim, 3 * params.dim, **place)
        self.out = operations.Linear(params.dim, params.dim, **place)
        self.norm2 = operations.LayerNorm(params.dim, **place)
        self.up = operations.Linear(params.dim, 2 * params.dim, **place)
        self.down = operations.Linear(2 * params.dim, params.dim, **place)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """x [B, L, C], seen [B, L]: padded words are not attended to; an empty prompt attends to itself."""
        mask = (seen | ~seen.any(-1, keepdim=True))[:, None, None]
        q, k, v = rearrange(
            self.qkv(self.norm1(x)), "b l (three n d) -> three b n l d", three=3, n=self.heads
        )
        x = x + self.out(rearrange(F.scaled_dot_product_attention(q, k, v, mask), "b n l d -> b l (n d)"))
        return x + self.down(F.gelu(self.up(self.norm2(x))))
