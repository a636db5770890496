"""Tiny random models of the real Wan architectures, in the host's own model folders, for its own loaders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

WAN = {"dim": 128, "ffn_dim": 128, "num_heads": 1, "text_dim": 4096, "out_dim": 16}
FACE_GAIN = 30.0  # random face adapters hardly matter: larger weights let a test see them
TEXT = 16  # tokens of a prompt


def _weights(model: torch.nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Random weights of a scale that keeps signals alive."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in model.state_dict().items():
        if name.endswith(".kernel"):  # of a fixed blur
            weight = tensor
        elif name.startswith("motion_encoder"):  # its layers divide by their fan themselves
            weight = torch.randn(tensor.shape, generator=generator)
        elif tensor.ndim < 2 or name.endswith(("modulation", "padding_tokens", "gamma")):
            weight = torch.randn(tensor.shape, generator=generator) * 0.02
            if name.endswith(("gamma", "norm.weight", "norm3.weight", "norm_q.weight", "norm_k.weight")):
                weight = weight + 1
        else:
            fan = tensor[0].numel()
            weight = torch.randn(tensor.shape, generator=generator) / fan**0.5
            if name.startswith("face_adapter"):
                weight = weight * FACE_GAIN
        state[name] = weight.contiguous()
    return state


def _animate(operations: Any) -> torch.nn.Module:
    from comfy.ldm.wan.model_animate import AnimateWanModel

    return AnimateWanModel(in_dim=36, num_layers=5, dtype=torch.float32, operations=operations, **WAN)


def _scail(operations: Any) -> torch.nn.Module:
    from comfy.ldm.wan.model import SCAILWanModel

    return SCAILWanModel(num_layers=2, dtype=torch.float32, operations=operations, **WAN)


def _scail2(operations: Any) -> torch.nn.Module:
    from comfy.ldm.wan.model import SCAIL2WanModel

    return SCAIL2WanModel(num_layers=2, dtype=torch.float32, operations=operations, **WAN)


def _text_to_video(operations: Any) -> torch.nn.Module:
    from comfy.ldm.wan.model import WanModel

    return WanModel(in_dim=16, num_layers=1, dtype=torch.float32, operations=operations, **WAN)


MODELS: dict[str, Callable[[Any], torch.nn.Module]] = {
    "animate": _animate,
    "scail": _scail,
    "scail2": _scail2,
    "t2v": _text_to_video,
}


def load_tiny(base: Path, kind: str) -> Any:
    """A MODEL by the host's own diffusion model loader, from a file of random weights."""
    import comfy.ops
    import comfy.sd

    folder = base / "models" / "diffusion_models"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"tiny_{kind}.safetensors"
    if not path.exists():
        state = _weights(MODELS[kind](comfy.ops.disable_weight_init), 0)
        save_file({name: weight.half() for name, weight in state.items()}, path)
    return comfy.sd.load_diffusion_model(str(path))


def load_tiny_vae(base: Path) -> Any:
    """A VAE of Wan 2.1's architecture by the host's own VAE class."""
    import comfy.sd
    import comfy.utils
    from comfy.ldm.wan.vae import WanVAE

    folder = base / "models" / "vae"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny_wan_vae.safetensors"
    if not path.exists():
        save_file(_weights(WanVAE(dim=4, z_dim=16, temperal_downsample=[False, True, True]), 1), path)
    return comfy.sd.VAE(sd=comfy.utils.load_torch_file(str(path)))


def tiny_clip_vision() -> Any:
    """The host's own CLIP vision class with one narrow layer; its features are as wide as those of ViT-H."""
    from comfy.clip_vision import ClipVisionModel

    model = ClipVisionModel(
        {
            "model_type": "clip_vision_model", "hidden_size": 1280, "intermediate_size": 32,
            "num_attention_heads": 16, "num_hidden_layers": 2, "num_channels": 3, "image_size": 224,
            "patch_size": 14, "hidden_act": "gelu", "layer_norm_eps": 1e-5, "projection_dim": 16,
            "use_post_layernorm": True,
        }
    )  # fmt: skip
    model.load_sd(_weights(model.model, 2))
    return model


def tiny_text(seed: int = 0) -> list[list[Any]]:
    """CONDITIONING of a prompt."""
    return [[torch.randn(1, TEXT, 4096, generator=torch.Generator().manual_seed(seed)), {}]]
