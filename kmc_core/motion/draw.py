"""Drawing motions: limb maps for the animator, coloured figures for people."""

from .draw_maps import FACE_CHANNELS, HAND_CHANNELS, LIMB_CHANNELS, limb_maps
from .draw_preview import draw_motion

__all__ = ["FACE_CHANNELS", "HAND_CHANNELS", "LIMB_CHANNELS", "draw_motion", "limb_maps"]
