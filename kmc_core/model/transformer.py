"""The animator: a diffusion transformer on video that predicts the clean signal (JiT, 2511.13720).

Target tokens attend to their own frame, to neighbouring frames and to clean reference tokens of every view
of the subject; references never see the target, so their keys and values are the same in every step. Body
maps are added to the tokens; hands are tokens at the wrist, the face is read by cross-attention like the
text, and both are added to the tokens of the patches on which they are drawn as well. The output is a gated
mix of moved reference pixels, background and the network's own paint, placed at pixel precision by a small
convolutional head.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from ..motion.draw import FACE_CHANNELS, HAND_CHANNELS
from .conditions import GUIDED, AnimatorConditions
from .params import AnimatorParams
from .pixel_head import LookAround, PixelHead, fold, pixels_last
from .rope import grid_positions, rotate, rotations

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]  # q, k, v [B, N, L, D] -> [B, N, L, D]
REFERENCE_TIME = 8.0  # views sit further away in time than any neighbouring frame


class Encoded(NamedTuple):
    """What the blocks read of the conditions, the same in every step: keys and values for every block."""

    references: Tensor  # [B, depth, 2, L, N, D] of all views, keys rotated
    face: Tensor  # [B, depth, 2, F, M, N, D] of each frame's face
    shared: Tensor  # [B, depth, 2, M, N, D] of identity and text


class Animator(nn.Module):
    """See the module's docstring. `operations` supplies the layers (torch.nn or the host's comfy.ops)."""

    def __init__(
        self,
        params: AnimatorParams,
        *,
        operations: Any = nn,
        attention: Attention = F.scaled_dot_product_attention,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.params, p = params, params
        self.dtype = dtype

        def linear(inputs: int, outputs: int) -> nn.Module:
            return operations.Linear(inputs, outputs, **place)

        def patches(channels: int, side: int) -> nn.Module:
            return operations.Conv2d(channels, p.dim, side, side, **place)

        signal = 3 * p.channels + 1  # noisy frame, moved pixels with coverage, background
        self.embed_target = patches(signal, p.patch)
        self.embed_reference = patches(p.channels + 1, p.patch)
        self.embed_maps = patches(p.map_channels, p.patch // 2)
        self.embed_hand = nn.Sequential(linear(p.hand_features, p.dim), nn.SiLU(), linear(p.dim, p.dim))
        self.embed_face = nn.Sequential(
            linear(p.face_features, p.dim), nn.SiLU(), linear(p.dim, p.face_tokens * p.dim)
        )
        self.place_hand = linear(p.dim, p.dim)
        self.place_face = linear(p.face_tokens * p.dim, p.dim)
        self.embed_identity = linear(p.identity_features, p.dim)
        self.embed_text = linear(p.text.dim, p.dim)
        self.embed_sigma = nn.Sequential(linear(p.dim, p.dim), nn.SiLU(), linear(p.dim, 6 * p.dim))
        # A student imitates guided sampling; how strongly guided, it is told here.
        self.embed_guidance = (
            nn.Sequential(linear(len(GUIDED), p.dim), nn.SiLU(), linear(p.dim, 6 * p.dim))
            if p.student_steps
            else None
        )
        self.hand_side = nn.Parameter(torch.zeros(2, p.dim, **place))
        self.null = nn.ParameterDict(
            {
                name: nn.Parameter(torch.zeros(p.dim, **place))
                for name in ("maps", "hands", "face", "identity", "text")
            }
        )
        self.blocks = nn.ModuleList(Block(p, operations, attention, place) for _ in range(p.depth))
        self.head = PixelHead(p, operations, place)

    def forward(self, z: Tensor, sigma: Tensor, conditions: AnimatorConditions) -> Tensor:
        """Noisy z [B, C, F, H, W] at noise level sigma [B] in 0..1 -> clean x0_hat of the same shape.

        The layers run in the type of the maps. z, the moved pixels and the background may be finer: they
        are mixed in their own type, so that kept pixels are not rounded.
        """
        return self.denoise(z, sigma, conditions, self.encode(conditions))

    def encode(self, c: AnimatorConditions) -> Encoded:
        """Keys and values of views, face, identity and text, once for all steps."""
        views, grid_h, grid_w = c.references.shape[1], *_grid(c.references, self.params.patch)
        body, identity = c.keep[:, 0], c.keep[:, 3]
        x = self.embed_reference(rearrange(_signed(c.references), "b v c h w -> (b v) c h w"))
        m = self.embed_maps(rearrange(c.reference_maps, "b v c h w -> (b v) c h w"))
        x = rearrange(x, "(b v) c h w -> b (v h w) c", v=views)
        m = rearrange(m, "(b v) c h w -> b (v h w) c", v=views)
        x = _keep(x, identity, self.null["identity"]) + _keep(m, body * identity, self.null["maps"])
        positions = torch.cat(
            [grid_positions(grid_h, grid_w, REFERENCE_TIME + v, x.device) for v in range(views)]
        )
        rotation = rotations(positions, self.params.rope_axes)
        modulation = self.modulation(torch.zeros_like(body)[:, None], x.dtype)[:, 0]
        contexts = [tokens.to(x.dtype) for tokens in self.context(c)]
        encoded = []
        for block in cast(Iterable[Block], self.blocks):
            x, reference = block.encode_reference(x, modulation, rotation)
            encoded.append((reference, *(block.encode_context(tokens) for tokens in contexts)))
        return Encoded(*(torch.stack(blocks, 1) for blocks in zip(*encoded, strict=True)))

    def denoise(self, z: Tensor, sigma: Tensor, c: AnimatorConditions, encoded: Encoded) -> Tensor:
        """One evaluation of the network with the conditions' keys and values given."""
        frames = z.shape[2]
        level = sigma[:, None].expand(-1, frames)
        if c.carried is not None:
            carried = c.carried.shape[2]
            z = torch.cat((c.carried, z[:, :, carried:]), 2)
            level = torch.cat((torch.zeros_like(level[:, :carried]), level[:, carried:]), 1)
        x, positions = self.target_tokens(z, c)
        modulation = self.modulation(level, x.dtype)
        if self.embed_guidance is not None:
            modulation = modulation + self.guided(c, len(z), x.dtype)
        radius = min(self.params.temporal_radius, frames - 1)
        turned = [
            rotations(positions + positions.new_tensor((float(step), 0, 0)), self.params.rope_axes)
            for step in range(-radius, radius + 1)
        ]
        for block, *read in zip(self.blocks, *(part.unbind(1) for part in encoded), strict=True):
            x = block(x, modulation, turned, *read)
        patches = x[:, :, : (z.shape[-2] // self.params.patch) * (z.shape[-1] // self.params.patch)]
        x0_hat = self.head(patches, modulation, z, c)
        if c.carried is not None:
            x0_hat = torch.cat((c.carried, x0_hat[:, :, c.carried.shape[2] :]), 2)
        return x0_hat

    def target_tokens(self, z: Tensor, c: AnimatorConditions) -> tuple[Tensor, Tensor]:
        """Tokens [B, F, L + 2, dim] of patches and hands, and their positions [B, F, L + 2, 3]."""
        batch, _, frames = z.shape[:3]
        grid_h, grid_w = _grid(z, self.params.patch)
        moved = self.visible_prior(c)
        signal = torch.cat((z, moved, c.background.expand(-1, -1, frames, -1, -1)), 1).to(c.maps.dtype)
        x, m = self.embed_target(pixels_last(fold(signal))), self.embed_maps(pixels_last(fold(c.maps)))
        x = rearrange(x, "(b f) c h w -> b f (h w) c", f=frames)
        m = rearrange(m, "(b f) c h w -> b f (h w) c", f=frames)
        x = x + _keep(m, c.keep[:, 0], self.null["maps"])
        seen = c.keep[:, 1, None, None] * (c.hands[..., -1] > 0)  # B F 2
        hands = _keep(self.embed_hand(c.hands), seen, self.null["hands"]) + self.hand_side.to(x)
        x = x + self.placed(c, hands)
        grid = grid_positions(grid_h, grid_w, 0.0, x.device)
        middle = c.hand_positions.new_tensor((z.shape[-2] / 2, z.shape[-1] / 2))
        wrist = F.pad((c.hand_positions - middle) / self.params.patch, (1, 0)).float()
        positions = torch.cat((grid.expand(batch, frames, -1, -1), wrist), 2)
        return torch.cat((x, hands), 2), positions

    def placed(self, c: AnimatorConditions, hands: Tensor) -> Tensor:
        """What hands [B, F, 2, dim] and the face add to the patches [B, F, L, dim] on which they are drawn: a
        few tokens among hundreds are found late, and the moved pixels get by without them.
        """
        maps = rearrange(c.maps * c.keep[:, 0, None, None, None, None], "b c f h w -> b f c h w")
        drawn = F.max_pool3d(maps, (1, self.params.patch // 2, self.params.patch // 2)).flatten(-2)  # b f c l
        face = self.place_face(self.face_tokens(c).flatten(-2))
        return torch.einsum("bfhl,bfhd->bfld", drawn[:, :, list(HAND_CHANNELS)], self.place_hand(hands)) + (
            drawn[:, :, list(FACE_CHANNELS)].amax(2)[..., None] * face[:, :, None]
        )

    def face_tokens(self, c: AnimatorConditions) -> Tensor:
        """[B, F, M, dim] of every frame's face, all of one size whatever the expression's."""
        face = rearrange(self.embed_face(c.face), "b f (m d) -> b f m d", m=self.params.face_tokens)
        seen = (c.keep[:, 2, None] * (c.face[..., -1] > 0))[..., None]
        return _keep(F.layer_norm(face, face.shape[-1:]), seen, self.null["face"])

    def visible_prior(self, c: AnimatorConditions) -> Tensor:
        """Moved pixels with coverage [B, C+1, F, H, W]; without body or identity only the background is
        left.
        """
        keep = (c.keep[:, 0] * c.keep[:, 3])[:, None, None, None, None]
        empty = F.pad(c.background, (0, 0, 0, 0, 0, 0, 0, 1))
        return c.moved * keep + empty * (1 - keep)

    def context(self, c: AnimatorConditions) -> tuple[Tensor, Tensor]:
        """Tokens that are read by cross-attention: [B, F, M, dim] of each frame's face, [B, M, dim] of
        identity and text, which all frames share.
        """
        identity = _keep(self.embed_identity(c.identity)[:, None], c.keep[:, 3], self.null["identity"])
        text = _keep(self.embed_text(c.text), c.keep[:, 4], self.null["text"])
        return self.face_tokens(c), torch.cat((identity, text), 1)

    def guided(self, c: AnimatorConditions, batch: int, dtype: torch.dtype) -> Tensor:
        """What the guidance strengths add to the modulation [B, 1, 6, dim]; without any, that of no guidance
        (Meng et al. 2210.03142).
        """
        assert self.embed_guidance is not None
        beyond = c.keep.new_zeros(batch, len(GUIDED)) if c.guidance is None else c.guidance - 1
        return rearrange(self.embed_guidance(beyond.to(dtype)), "b (six d) -> b 1 six d", six=6)

    def modulation(self, level: Tensor, dtype: torch.dtype) -> Tensor:
        """Shift, scale and gate values [B, F, 6, dim] for noise levels [B, F]."""
        half = self.params.dim // 2
        # Wavelengths from 1/100 of the noise range to ten times the range.
        frequencies = 628.0 * 1000.0 ** -(torch.arange(half, device=level.device) / half)
        angles = level[..., None].float() * frequencies
        return rearrange(
            self.embed_sigma(torch.cat((angles.cos(), angles.sin()), -1).to(dtype)),
            "b f (six d) -> b f six d",
            six=6,
        )


class Block(nn.Module):
    """Self-attention over frames and references, cross-attention to the context, MLP; modulated by the
    noise level.
    """

    def __init__(
        self, p: AnimatorParams, operations: Any, attention: Attention, place: dict[str, Any]
    ) -> None:
        super().__init__()
        self.heads, self.attention = p.heads, attention
        self.norm1 = operations.LayerNorm(p.dim, elementwise_affine=False, **place)
        self.qkv = operations.Linear(p.dim, 3 * p.dim, **place)
        self.out = operations.Linear(p.dim, p.dim, **place)
        self.norm_context = operations.LayerNorm(p.dim, **place)
        self.query = operations.Linear(p.dim, p.dim, **place)
        self.key_value = operations.Linear(p.dim, 2 * p.dim, **place)
        self.out_context = operations.Linear(p.dim, p.dim, **place)
        self.norm2 = operations.LayerNorm(p.dim, elementwise_affine=False, **place)
        self.up = operations.Linear(p.dim, p.mlp_ratio * p.dim, **place)
        self.down = operations.Linear(p.mlp_ratio * p.dim, p.dim, **place)
        self.table = nn.Parameter(torch.zeros(6, p.dim, **place))

    def forward(
        self,
        x: Tensor,
        modulation: Tensor,
        turned: list[Tensor],
        reference: Tensor,
        face: Tensor,
        shared: Tensor,
    ) -> Tensor:
        """x [B, F, L, dim]; `turned` are the rotations of every key seen from -radius .. radius frames away;
        the rest is this block's part of Encoded.
        """
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulate(modulation, 2)
        q, k, v = self.project(self.norm1(x) * (1 + scale1) + shift1)
        radius = len(turned) // 2
        keys = [_neighbour(rotate(k, turn), step) for step, turn in enumerate(turned, -radius)]
        values = [_neighbour(v, step) for step in range(-radius, radius + 1)]
        frames = x.shape[1]
        reference, shared = (
            repeat(part, "b two l n d -> two b f l n d", f=frames) for part in (reference, shared)
        )
        key, value = (torch.cat((*own, part), 2) for own, part in zip((keys, values), reference, strict=True))
        x = x + gate1 * self.out(self.attend(rotate(q, turned[radius]), key, value))
        q = rearrange(self.query(self.norm_context(x)), "b f l (n d) -> b f l n d", n=self.heads)
        key, value = torch.cat((face.transpose(0, 1), shared), 3)
        x = x + self.out_context(self.attend(q, key, value))
        return x + gate2 * self.down(F.gelu(self.up(self.norm2(x) * (1 + scale2) + shift2)))

    def encode_reference(self, x: Tensor, modulation: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
        """Reference tokens [B, L, dim] through this block, and the keys and values [B, 2, L, N, D] that
        target tokens will read of them.
        """
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulate(modulation, 1)
        q, k, v = self.project(self.norm1(x) * (1 + scale1) + shift1)
        k = rotate(k, rotation)
        x = x + gate1 * self.out(self.attend(rotate(q, rotation), k, v))
        x = x + gate2 * self.down(F.gelu(self.up(self.norm2(x) * (1 + scale2) + shift2)))
        return x, torch.stack((k, v), 1)

    def encode_context(self, tokens: Tensor) -> Tensor:
        """Keys and values [B, 2, ..., M, N, D] of context tokens [B, ..., M, dim]."""
        return rearrange(self.key_value(tokens), "b ... (two n d) -> b two ... n d", two=2, n=self.heads)

    def modulate(self, modulation: Tensor, axis: int) -> tuple[Tensor, ...]:
        """The six modulation tensors of this block with an axis for the tokens."""
        return (modulation + self.table.to(modulation)).unsqueeze(axis).unbind(-2)

    def project(self, x: Tensor) -> Tensor:
        """Queries, keys and values [3, ..., L, N, D]."""
        return rearrange(self.qkv(x), "... l (three n d) -> three ... l n d", three=3, n=self.heads)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention over the third last axis; leading axes are batch."""
        lead = q.shape[:-3]
        q, k, v = (t.reshape(-1, *t.shape[-3:]).transpose(1, 2) for t in (q, k, v))  # B N L D
        return rearrange(self.attention(q, k, v), "b n l d -> b l (n d)").unflatten(0, lead)


def build_animator(params: AnimatorParams, seed: int = 0, **kwargs: Any) -> Animator:
    """A freshly initialised animator: its first output is the prior's own composite."""
    devices: list[int] = []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        model = Animator(params, **kwargs)
        start_at_prior(model)
        for layer in cast(Iterable[nn.Linear | nn.Conv2d], late(model)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(cast(Tensor, layer.bias))
        for block in cast(Iterable[Block], model.blocks):
            nn.init.zeros_(block.out.weight)
            nn.init.zeros_(block.out_context.weight)
            nn.init.zeros_(block.down.weight)
            nn.init.ones_(block.table[2])
            nn.init.ones_(block.table[5])
        if model.embed_guidance is not None:  # a student starts as its teacher without guidance
            nn.init.zeros_(cast(nn.Linear, model.embed_guidance[2]).weight)
            nn.init.zeros_(cast(nn.Linear, model.embed_guidance[2]).bias)
    return model


def late(model: Animator) -> list[nn.Module]:
    """Layers whose parts came later than the first weights, or come later in a run: they start without
    effect.
    """
    look = [] if model.head.look is None else [model.head.look]
    near = [cast(LookAround, block).near for block in model.head.around]
    return [model.place_hand, model.place_face, *look, *near]


def start_at_prior(model: Animator) -> None:
    """Forget the last layer: the output is the prior's own composite."""
    nn.init.zeros_(model.head.fine2.weight)
    nn.init.zeros_(model.head.fine2.bias)


def _grid(x: Tensor, patch: int) -> tuple[int, int]:
    return x.shape[-2] // patch, x.shape[-1] // patch


def _signed(views: Tensor) -> Tensor:
    """Views [B, V, C+1, H, W] with the mask in -1..1 like the colours."""
    return torch.cat((views[:, :, :-1], views[:, :, -1:] * 2 - 1), 2)


def _keep(x: Tensor, keep: Tensor, null: Tensor) -> Tensor:
    """x where keep is 1, the learned null where it is 0; keep has leading axes of x."""
    keep = keep.reshape(*keep.shape, *(1,) * (x.dim() - keep.dim())).to(x)
    return x * keep + null.to(x) * (1 - keep)


def _neighbour(x: Tensor, step: int) -> Tensor:
    """x [B, F, ...] seen `step` frames later; the ends repeat."""
    if step == 0:
        return x
    frames = torch.arange(x.shape[1], device=x.device)
    return x[:, (frames + step).clamp(0, x.shape[1] - 1)]
