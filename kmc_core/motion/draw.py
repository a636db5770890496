"""Drawing motions: limb maps for the animator, coloured figures for people."""

from .draw_maps import LIMB_CHANNELS, limb_maps

__all__ = ["LIMB_CHANNELS", "limb_maps"]
