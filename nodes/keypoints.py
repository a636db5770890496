"""Keypoints in the OpenPose format, from and for the nodes of the host and of other packs."""

from comfy_api.latest import io

from ..kmc_core.motion.openpose import from_pose_keypoint, to_pose_keypoint
from . import sockets


class MotionFromPoseKeypoints(io.ComfyNode):
    """See kmc_core.motion.openpose."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_MotionFromPoseKeypoints",
            display_name="Motion From Pose Keypoints",
            category="KMC/motion",
            description=(
                "Take the keypoints of any OpenPose-like extractor (SDPose, DWPose, ...) as a motion."
            ),
            inputs=[
                sockets.PoseKeypoints.Input("keypoints", tooltip="Keypoints, one entry for each frame."),
                io.Float.Input(
                    "fps",
                    default=24.0,
                    min=0.1,
                    max=1000.0,
                    step=0.01,
                    tooltip="Frame rate of the video that the keypoints come from; they do not tell it.",
                ),
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="Bodies and hands of all people.")],
        )

    @classmethod
    def execute(cls, keypoints, fps) -> io.NodeOutput:
        return io.NodeOutput(from_pose_keypoint(keypoints, fps))


class MotionToPoseKeypoints(io.ComfyNode):
    """See kmc_core.motion.openpose."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_MotionToPoseKeypoints",
            display_name="Motion To Pose Keypoints",
            category="KMC/motion",
            description="Give a motion to nodes that take OpenPose-like keypoints.",
            search_aliases=["openpose", "pose_keypoint", "export"],
            inputs=[
                sockets.Motion.Input("motion", tooltip="The motion to give on, with all of its people."),
                io.Boolean.Input(
                    "normalised",
                    default=False,
                    tooltip="Places in shares of the picture, 0 to 1, not in pixels. Some nodes expect that.",
                ),
            ],
            outputs=[
                sockets.PoseKeypoints.Output("keypoints", tooltip="Bodies, hands and faces, frame by frame."),
                io.Float.Output("fps", tooltip="Frame rate of the motion; the keypoints do not tell it."),
            ],
        )

    @classmethod
    def execute(cls, motion, normalised) -> io.NodeOutput:
        return io.NodeOutput(to_pose_keypoint(motion, normalised=normalised), motion.fps)


NODES = [MotionFromPoseKeypoints, MotionToPoseKeypoints]
