"""Motions mended: calmed, cut, timed, mirrored, adjusted and combined."""

from comfy_api.latest import io

from ..kmc_core.motion.combine import combine
from ..kmc_core.motion.edit import Adjustment, adjust
from ..kmc_core.motion.mirror import mirror
from ..kmc_core.motion.smooth import Smoothing, smooth
from ..kmc_core.motion.timing import hold, loop, retime, trim
from . import sockets


def _schema(
    node_id: str, display_name: str, description: str, more: list[io.Input], result: str, aliases: list[str]
) -> io.Schema:
    """The schema of a node that takes a motion and gives a motion."""
    return io.Schema(
        node_id=node_id,
        display_name=display_name,
        category="KMC/motion",
        description=description,
        search_aliases=aliases,
        inputs=[sockets.Motion.Input("motion", tooltip="The motion to change."), *more],
        outputs=[sockets.Motion.Output("motion", tooltip=result)],
    )


def _number(name: str, default: float, low: float, high: float, tooltip: str, step: float = 0.05) -> io.Input:
    return io.Float.Input(name, default=default, min=low, max=high, step=step, tooltip=tooltip)


class SmoothMotion(io.ComfyNode):
    """See kmc_core.motion.smooth."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        more = [
            _number(
                "strength",
                1.0,
                0.0,
                3.0,
                "How calm: scales how far the filter looks. 0 only repairs, 1 is usual.",
            ),
            io.Combo.Input(
                "method",
                options=["zero lag", "one euro"],
                default="zero lag",
                tooltip="zero lag: sees the whole clip, repairs it, delays nothing. one euro: for live use.",
            ),
            _number(
                "fill_gaps", 0.25, 0.0, 2.0, "Longest gap in seconds that is bridged. Longer gaps stay gaps."
            ),
            io.Boolean.Input(
                "remove_spikes", default=True, tooltip="Replace points that jump away for a frame or two."
            ),
        ]
        return _schema(
            "KMC_SmoothMotion",
            "Smooth Motion",
            "Take jitter, spikes and short gaps out of a motion without flattening fast movements.",
            more,
            "The calm motion; bridged points have the confidence 0.4.",
            ["jitter", "stabilize", "filter", "denoise"],
        )

    @classmethod
    def execute(cls, motion, strength, method, fill_gaps, remove_spikes) -> io.NodeOutput:
        return io.NodeOutput(smooth(motion, Smoothing(method, strength, fill_gaps, remove_spikes)))


class TrimMotion(io.ComfyNode):
    """See kmc_core.motion.timing.trim."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        more = [
            _number("start", 0.0, 0.0, 36000.0, "Where the part begins, in seconds.", 0.01),
            _number("duration", 0.0, 0.0, 36000.0, "How long it is, in seconds. 0 runs to the end.", 0.01),
        ]
        return _schema(
            "KMC_TrimMotion",
            "Trim Motion",
            "Keep a part of a motion.",
            more,
            "The part, with what of its actions and contacts falls into it.",
            ["cut", "crop time"],
        )

    @classmethod
    def execute(cls, motion, start, duration) -> io.NodeOutput:
        return io.NodeOutput(trim(motion, start, duration))


class RetimeMotion(io.ComfyNode):
    """See kmc_core.motion.timing."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        more = [
            _number("speed", 1.0, 0.05, 20.0, "1 is as filmed, 0.5 half as fast, 2 twice as fast.", 0.01),
            _number("fps", 0.0, 0.0, 240.0, "Frame rate of the result, lasting as long. 0 keeps it.", 0.01),
            io.Int.Input("loops", default=1, min=1, max=100, tooltip="How often it runs, one after another."),
            _number("blend", 0.25, 0.0, 5.0, "Seconds in which a loop's end flows into its beginning."),
            _number("hold_start", 0.0, 0.0, 60.0, "Seconds to stand still before it begins."),
            _number("hold_end", 0.0, 0.0, 60.0, "Seconds to stand still after it ends."),
        ]
        return _schema(
            "KMC_RetimeMotion",
            "Retime Motion",
            "Change a motion's speed or frame rate, loop it without a seam, hold its ends; in this order.",
            more,
            "The motion in its new time.",
            ["speed", "loop", "hold", "fps", "resample", "slow motion"],
        )

    @classmethod
    def execute(cls, motion, speed, fps, loops, blend, hold_start, hold_end) -> io.NodeOutput:
        return io.NodeOutput(hold(loop(retime(motion, speed, fps), loops, blend), hold_start, hold_end))


class MirrorMotion(io.ComfyNode):
    """See kmc_core.motion.mirror."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return _schema(
            "KMC_MirrorMotion",
            "Mirror Motion",
            "Swap left and right: joints, hands, face and expressions.",
            [],
            "The motion as a mirror shows it.",
            ["flip", "swap left right"],
        )

    @classmethod
    def execute(cls, motion) -> io.NodeOutput:
        return io.NodeOutput(mirror(motion))


class AdjustMotion(io.ComfyNode):
    """See kmc_core.motion.edit."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        gain = "1 is as it is, 0 stays at the typical pose, above 1 exaggerates."
        more = [
            _number("right", 0.0, -2.0, 2.0, "How far to the right, in widths of the picture.", 0.01),
            _number("down", 0.0, -2.0, 2.0, "How far down, in heights of the picture.", 0.01),
            _number("scale", 1.0, 0.05, 20.0, "How large, about the person's typical place.", 0.01),
            _number("body_gain", 1.0, 0.0, 3.0, f"How far the limbs swing. {gain}"),
            _number("hand_gain", 1.0, 0.0, 3.0, f"How far the fingers bend. {gain}"),
            _number(
                "face_gain",
                1.0,
                0.0,
                3.0,
                "How strong the expressions are. 1 is as it is, 0 is the face at rest, above 1 exaggerates.",
            ),
        ]
        return _schema(
            "KMC_AdjustMotion",
            "Adjust Motion",
            "Move and scale a motion in its picture, and make body, hands or face livelier or calmer.",
            more,
            "The adjusted motion.",
            ["offset", "scale", "gain", "exaggerate", "move"],
        )

    @classmethod
    def execute(cls, motion, right, down, scale, body_gain, hand_gain, face_gain) -> io.NodeOutput:
        change = Adjustment(right, down, scale, body_gain, hand_gain, face_gain)
        return io.NodeOutput(adjust(motion, change))


class CombineMotion(io.ComfyNode):
    """See kmc_core.motion.combine."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        more = [
            sockets.Motion.Input("other", tooltip="The motion to take from; at least as long as the first."),
            io.Combo.Input(
                "take",
                options=["blend", "hands", "face"],
                default="blend",
                tooltip="blend: all parts. hands: onto the own wrists. face: expression onto the own head.",
            ),
            _number(
                "share", 1.0, 0.0, 1.0, "How much of the other: 0 is the first motion, 1 the other's part."
            ),
        ]
        return _schema(
            "KMC_CombineMotion",
            "Combine Motion",
            "Blend two motions, or give one the hands or the face of another.",
            more,
            "The combined motion, with the names and intents of the first.",
            ["blend", "mix", "replace hands", "replace face", "lip sync"],
        )

    @classmethod
    def execute(cls, motion, other, take, share) -> io.NodeOutput:
        return io.NodeOutput(combine(motion, other, take, share))


NODES = [SmoothMotion, TrimMotion, RetimeMotion, MirrorMotion, AdjustMotion, CombineMotion]
