"""The animator as the host's own MODEL, CLIP and VAE: its samplers, previews, LoRA loader and caches apply.

The network predicts the clean signal; towards the host it is a flow model (velocity, sigma in 0..1), so that
every sampler, schedule and shift node for flow models works unchanged.
"""

from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import comfy.conds
import comfy.latent_formats
import comfy.model_base
import comfy.model_management as mm
import comfy.ops
import comfy.patcher_extension
import comfy.sd
import comfy.supported_models_base
import comfy.utils
import node_helpers
import torch
from comfy.model_patcher import CoreModelPatcher
from torch import Tensor, nn

from ..errors import KMCError
from ..model.checkpoint import load_animator_file
from ..model.conditions import AnimatorConditions
from ..model.params import AnimatorParams, TextParams
from ..model.text import TextEncoder
from ..model.transformer import Animator, Encoded
from .stretches import ALWAYS, stretches

PREFIX = "kmc_"  # of the conditioning keys that hold AnimatorConditions
FIELDS = tuple(field.name for field in fields(AnimatorConditions) if field.name != "text")
REQUIRED = tuple(name for name in FIELDS if name not in ("carried", "guidance"))
# Pixels and pixel positions stay in fp32: half precision would round them, which shows as banding.
EXACT = ("moved", "background", "carried", "hand_positions")
ENCODED = tuple(f"encoded_{name}" for name in Encoded._fields)  # what is made of them, once for all steps
# Below this noise level the velocity would amplify rounding; no schedule of a few dozen steps goes there.
SMALLEST_SIGMA = 1e-3


class PixelFormat(comfy.latent_formats.LatentFormat):
    """Latents are RGB in -1..1 at full size; previews show the picture itself."""

    latent_channels = 3
    latent_dimensions = 3
    spacial_downscale_ratio = 1

    def __init__(self) -> None:
        self.latent_rgb_factors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]

    def process_in(self, latent: Tensor) -> Tensor:
        return latent

    def process_out(self, latent: Tensor) -> Tensor:
        return latent


class AnimatorConfig(comfy.supported_models_base.BASE):
    """What the host asks of a model: sampling, dtypes, latent format."""

    unet_extra_config: dict[str, Any] = {}
    latent_format = PixelFormat
    # Learned nulls and gates are trained under bf16 autocast; fp16 is left out because it was not.
    supported_inference_dtypes = [torch.bfloat16, torch.float32]

    def __init__(self, params: AnimatorParams) -> None:
        super().__init__({"params": params})
        self.sampling_settings = {"shift": params.shift}  # the schedule that training and validation use


class HostAnimator(Animator):
    """The animator behind the host's calling convention."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Tensor, timestep: Tensor, context: Tensor | None = None, control: Any = None,
        transformer_options: dict[str, Any] | None = None, **conditions: Tensor,
    ) -> Tensor:  # fmt: skip
        """Noisy x [B, C, F, H, W] and timestep [B] 0..1000 -> velocity (x - x0_hat) / sigma."""
        options = transformer_options or {}
        wrappers = comfy.patcher_extension.get_all_wrappers(
            comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, options
        )
        executor = comfy.patcher_extension.WrapperExecutor.new_class_executor(self._velocity, self, wrappers)
        return executor.execute(x, timestep, context, conditions)

    def _velocity(
        self, x: Tensor, timestep: Tensor, context: Tensor | None, conditions: dict[str, Tensor]
    ) -> Tensor:
        missing = [name for name in REQUIRED if name not in conditions]
        if missing or context is None:
            raise KMCError(
                f"The animator's conditions lack {', '.join(missing) or 'text'}. "
                "Connect positive and negative of Animate Conditioning to the sampler."
            )
        self._check(x, context, conditions)
        sigma = timestep / 1000
        told = self._told(context, conditions)
        known = [conditions[name] for name in ENCODED if name in conditions]
        encoded = Encoded(*(part.to(told.maps.dtype) for part in known)) if known else self.encode(told)
        x0_hat = self.denoise(x, sigma, told, encoded).float()
        return (x - x0_hat) / sigma.clamp_min(SMALLEST_SIGMA).reshape(-1, 1, 1, 1, 1)

    def _told(self, context: Tensor, conditions: dict[str, Tensor]) -> AnimatorConditions:
        given = {name: value for name, value in conditions.items() if name in FIELDS}
        told = AnimatorConditions(text=context, **given).to(dtype=self.compute_dtype or self.dtype)
        return replace(told, **{name: value for name, value in given.items() if name in EXACT})

    @torch.no_grad()
    def encoded(self, context: Tensor, conditions: dict[str, Tensor]) -> dict[str, Tensor]:
        """Keys and values of the conditions, by the names under which `forward` looks for them."""
        return dict(zip(ENCODED, self.encode(self._told(context, conditions)), strict=True))

    def _check(self, x: Tensor, context: Tensor, conditions: dict[str, Tensor]) -> None:
        """KMCError when latent or text do not fit the conditions."""
        frames, height, width = conditions["moved"].shape[2:]
        if x.shape[2:] != (frames, height, width):
            raise KMCError(
                f"The latent is {x.shape[-1]}x{x.shape[-2]} with {x.shape[2]} frames, its conditions are "
                f"{width}x{height} with {frames}. Use the latent of the same Animate Conditioning, or one of "
                "that size and length."
            )
        if context.shape[-1] != self.params.text.dim:
            raise KMCError(
                f"The text has {context.shape[-1]} features, the animator reads {self.params.text.dim}. "
                "Encode it with the clip of Load Animator."
            )

    compute_dtype: torch.dtype | None = None  # set where the host casts weights while computing


class AnimatorModel(comfy.model_base.BaseModel):
    """The host's model around HostAnimator."""

    def __init__(self, config: AnimatorConfig, device: Any = None) -> None:
        network: Any = HostAnimator
        super().__init__(config, comfy.model_base.ModelType.FLOW, device=device, unet_model=network)
        self.network.compute_dtype = self.manual_cast_dtype

    @property
    def network(self) -> HostAnimator:
        """The animator itself."""
        return cast(HostAnimator, self.diffusion_model)

    def get_dtype_inference(self) -> torch.dtype:
        """fp32: rounded pixels would show as banding. The layers run in their own type."""
        return torch.float32

    def extra_conds(self, **kwargs: Any) -> dict[str, Any]:
        """The conditions, and their keys and values for all steps. Where a LoRA hook changes the weights from
        step to step, each step makes them anew.
        """
        out = super().extra_conds(**kwargs)
        told = {name: kwargs[PREFIX + name] for name in FIELDS if kwargs.get(PREFIX + name) is not None}
        text = kwargs.get("cross_attn")
        whole = told.keys() >= set(REQUIRED) and kwargs.get("hooks") is None
        if whole and text is not None and text.shape[-1] == self.network.params.text.dim:
            here = {name: value.to(kwargs["device"]) for name, value in told.items()}
            told |= self.network.encoded(text.to(kwargs["device"]), here)
        return out | {name: comfy.conds.CONDRegular(value) for name, value in told.items()}

    def extra_conds_shapes(self, **kwargs: Any) -> dict[str, list[int]]:
        references = kwargs.get(PREFIX + "references")
        return {} if references is None else {"references": list(references.shape)}

    def memory_required(
        self, input_shape: Any, cond_shapes: dict[str, list[list[int]]] | None = None
    ) -> float:
        """Bytes of one evaluation on `input_shape` [B, C, F, H, W]: tokens and keys of a block; the head's
        features; and in fp32, of every pixel, the signal, the moved pixels twice, background, sampling
        grids, gates, mix and velocity.
        """
        p = self.network.params
        batch, _, frames, height, width = input_shape
        grid = (height // p.patch) * (width // p.patch)
        views = max((shape[1] for shape in (cond_shapes or {}).get("references", [])), default=1)
        width_of_token = p.dim * (12 + 2 * p.mlp_ratio)  # q, k, v, their rotated copies, context and MLP
        neighbours = 2 * p.dim * (2 * p.temporal_radius + 2 + views)  # keys and values read by each frame
        tokens = batch * frames * (grid + 2) * (width_of_token + neighbours)
        pixels = batch * frames * height * width
        features = pixels * (3 * p.pixel_width + 3 * p.channels + 1)
        exact = pixels * (8 * p.channels + 16) * mm.dtype_size(torch.float32)
        return (tokens + features) * mm.dtype_size(self.manual_cast_dtype or self.get_dtype()) + exact


class TextModel(nn.Module):
    """The text encoder behind the host's CLIP. It is so small that fp32 costs nothing."""

    def __init__(
        self, params: TextParams, device: Any = None, dtype: Any = None, model_options: Any = None
    ) -> None:
        super().__init__()
        self.encoder = TextEncoder(params, operations=comfy.ops.manual_cast, device=device, dtype=dtype)
        self.dtypes = {dtype}
        self.execution_device: torch.device | None = None

    def set_clip_options(self, options: dict[str, Any]) -> None:
        """The host tells the device here; layer choices do not apply to this encoder."""
        self.execution_device = options.get("execution_device", self.execution_device)

    def reset_clip_options(self) -> None:
        """Back to no device."""
        self.execution_device = None

    def encode_token_weights(self, tokens: dict[str, list[list[tuple[int, float]]]]) -> tuple[Tensor, None]:
        """Tokens of one or more prompts -> embeddings [B, L, C]; there is no pooled vector."""
        ids = torch.tensor(
            [[word for word, _ in prompt] for prompt in tokens["kmc"]], device=self.execution_device
        )
        return self.encoder(ids).float().to(mm.intermediate_device()), None

    def load_sd(self, state: dict[str, Tensor]) -> tuple[list[str], list[str]]:
        """Load strictly; nothing can be missing or left over."""
        _fill(self.encoder, state, assign=getattr(self, "can_assign_sd", False))
        return [], []


class Tokenizer:
    """The host's tokenizer interface over the encoder's own words. Weights in brackets are plain text
    here.
    """

    def __init__(
        self, encoder: TextEncoder, embedding_directory: Any = None, tokenizer_data: Any = None
    ) -> None:
        self.encoder = encoder

    def tokenize_with_weights(
        self, text: str, return_word_ids: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """One prompt as the host's list of (id, weight), by the encoder's name."""
        ids = self.encoder.tokenize(text).tolist()
        return {"kmc": [[(word, 1.0, k) if return_word_ids else (word, 1.0) for k, word in enumerate(ids)]]}

    def untokenize(self, token_weight_pair: Any) -> list[Any]:
        """Words are hashed: only their ids are known."""
        return [(pair, str(pair[0])) for pair in token_weight_pair]

    def state_dict(self) -> dict[str, Tensor]:
        """Nothing to save: words are hashed, not listed."""
        return {}


class PixelVAE(comfy.sd.VAE):
    """The host's pixel-space VAE for clips: latents [B, 3, F, H, W] in -1..1 <-> pictures."""

    def __init__(self) -> None:
        super().__init__(sd={"pixel_space_vae": torch.tensor(1.0)}, dtype=torch.float32)
        self.latent_dim = 3
        self.upscale_ratio = self.downscale_ratio = (_same, 1, 1)
        self.upscale_index_formula = self.downscale_index_formula = (1, 1, 1)
        self.memory_used_encode = self.memory_used_decode = _pixel_memory


def _same(frames: int) -> int:
    return frames


def _pixel_memory(shape: Any, dtype: torch.dtype) -> int:
    """Input, output and the clamped copy."""
    return 3 * 3 * shape[-3] * shape[-2] * shape[-1] * mm.dtype_size(dtype)


def load_animator(path: Path) -> tuple[CoreModelPatcher, comfy.sd.CLIP, comfy.sd.VAE]:
    """A checkpoint as the host's MODEL, CLIP and VAE. KMCError when it is missing, damaged or foreign."""
    params, state = load_animator_file(path)
    network, text = _part(state, "animator."), _part(state, "text.")
    if len(network) + len(text) != len(state):
        raise KMCError(f"{path.name} holds tensors that no animator has. Download or copy it again.")
    return _model(params, network), _clip(params.text, text), PixelVAE()


def _fill(module: nn.Module, state: dict[str, Tensor], assign: bool) -> None:
    """Load weights strictly; KMCError lists what does not fit."""
    try:
        module.load_state_dict(state, strict=True, assign=assign)
    except RuntimeError as error:
        raise KMCError(
            f"The weights do not fit the checkpoint's own sizes: {error}. Copy it again."
        ) from error


def _model(params: AnimatorParams, state: dict[str, Tensor]) -> CoreModelPatcher:
    load_device, offload_device = mm.get_torch_device(), mm.unet_offload_device()
    config = AnimatorConfig(params)
    dtype = mm.unet_dtype(
        model_params=comfy.utils.calculate_parameters(state),
        supported_dtypes=config.supported_inference_dtypes,
    )
    config.set_inference_dtype(
        dtype, mm.unet_manual_cast(dtype, load_device, config.supported_inference_dtypes)
    )
    model = AnimatorModel(config, device=offload_device)
    patcher = CoreModelPatcher(model, load_device=load_device, offload_device=offload_device)
    _fill(model.network, state, assign=patcher.is_dynamic())
    return patcher


def _clip(params: TextParams, state: dict[str, Tensor]) -> comfy.sd.CLIP:
    words = TextEncoder(params, device="meta")  # without weights: it only cuts text into ids
    target = comfy.supported_models_base.ClipTarget(partial(Tokenizer, words), partial(TextModel, params))
    return comfy.sd.CLIP(target, state_dict=[state], model_options={"dtype": torch.float32})


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def is_animator(model: Any) -> bool:
    """Whether `load_animator` made a MODEL."""
    return isinstance(getattr(model.model, "diffusion_model", None), HostAnimator)


def params_of(model: Any) -> AnimatorParams:
    """Sizes of a MODEL that `load_animator` made."""
    return model.model.diffusion_model.params


def attach(conditioning: Any, conditions: AnimatorConditions, span: tuple[float, float] = ALWAYS) -> Any:
    """The host's CONDITIONING with the animator's conditions beside each text; the input is left as it is.

    The identity counts in the `span` of the sampling, shares 0..1; outside it the host is told the same
    without it.
    """
    told, without = _values(conditions), _values(conditions.drop("identity"))
    if span == ALWAYS:
        return node_helpers.conditioning_set_values(conditioning, told)
    return [
        [text, {**entry, **(told if inside else without), **part}]
        for text, entry in conditioning
        for inside, part in stretches(entry, span)
    ]


def _values(conditions: AnimatorConditions) -> dict[str, Tensor]:
    return {
        PREFIX + name: getattr(conditions, name) for name in FIELDS if getattr(conditions, name) is not None
    }


def empty_latent(frames: int, size: tuple[int, int]) -> dict[str, Any]:
    """LATENT for a clip of that many frames, size (width, height): mid-grey pixels."""
    return {"samples": torch.zeros(1, 3, frames, size[1], size[0], device=mm.intermediate_device())}
