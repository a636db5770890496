"""Motion by extractors that users already have: .onnx files, and the host's face landmarker."""

from typing import get_args

from comfy_api.latest import io

from ..kmc_core.host import folders
from ..kmc_core.host.media import clip_of
from ..kmc_core.host.nets import hooks
from ..kmc_core.perception.backends import Device, OnnxRunner
from ..kmc_core.perception.face_landmarks import from_face_landmarks
from ..kmc_core.perception.onnx_pose import encode_whole_body
from ..kmc_core.perception.wholebody import WholeBodyNet
from ..kmc_core.perception.yolo import PersonDetector
from . import sockets
from .people import people_inputs

DETECTORS = ("yolov10m.onnx", "yolox_l.onnx")
POSES = ("vitpose-l-wholebody.onnx", "vitpose_h_wholebody_model.onnx", "dw-ll_ucoco_384.onnx")


class EncodeOnnxMotion(io.ComfyNode):
    """See kmc_core.perception.onnx_pose."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_EncodeOnnxMotion",
            display_name="Encode Onnx Motion",
            category="KMC/motion",
            description="Read bodies and hands from a driving video with your DWPose or ViTPose ONNX files.",
            search_aliases=["dwpose", "vitpose", "yolo", "onnx", "pose"],
            inputs=[
                io.MultiType.Input(
                    "video",
                    [io.Video, io.Image],
                    tooltip="The driving video, or a batch of pictures. A video file is streamed.",
                ),
                io.Float.Input(
                    "fps",
                    default=24.0,
                    min=0.1,
                    max=1000.0,
                    step=0.01,
                    tooltip="Frame rate of a batch of pictures. A video brings its own and this is not used.",
                ),
                io.Combo.Input(
                    "detector",
                    options=folders.onnx_names(DETECTORS),
                    default=DETECTORS[0],
                    tooltip="The YOLO file that finds people, in models/detection.",
                ),
                io.Combo.Input(
                    "pose",
                    options=folders.onnx_names(POSES),
                    default=POSES[0],
                    tooltip="The whole-body file of 133 points, in models/detection.",
                ),
                io.Combo.Input(
                    "device",
                    options=list(get_args(Device)),
                    default="auto",
                    tooltip="auto takes the GPU where onnxruntime-gpu is installed.",
                ),
                sockets.Motion.Input(
                    "motion",
                    optional=True,
                    tooltip=(
                        "The motion so far, of the same video and frame rate. Each body joins the person who "
                        "is at its place there, else it is a new person."
                    ),
                ),
                *people_inputs(),
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="The motion with bodies and hands.")],
        )

    @classmethod
    def execute(
        cls, video, fps, detector, pose, device, motion=None, people=1, choose="largest", x=0.5, y=0.5
    ) -> io.NodeOutput:
        nets = [OnnxRunner(folders.onnx_path(name), device) for name in (detector, pose)]
        finder, reader = (
            kind(net, net.input_shape) for kind, net in zip((PersonDetector, WholeBodyNet), nets, strict=True)
        )
        which = {"people": people, "choose": choose, "point": (x, y)}
        return io.NodeOutput(
            encode_whole_body(clip_of(video, fps), finder, reader, motion=motion, **which, **hooks())
        )


class MotionFromFaceLandmarks(io.ComfyNode):
    """See kmc_core.perception.face_landmarks."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_MotionFromFaceLandmarks",
            display_name="Motion From Face Landmarks",
            category="KMC/motion",
            description="Take the faces that Detect Face Landmarks (MediaPipe) found into a motion.",
            inputs=[
                sockets.FaceLandmarks.Input("faces", tooltip="Face landmarks, one entry for each frame."),
                io.Float.Input(
                    "fps",
                    default=24.0,
                    min=0.1,
                    max=1000.0,
                    step=0.01,
                    tooltip=(
                        "Frame rate of the video that the faces come from; they do not tell it. That of the "
                        "motion, where one is connected."
                    ),
                ),
                sockets.Motion.Input(
                    "motion",
                    optional=True,
                    tooltip="The motion so far, of the same video; each face joins the person at its place.",
                ),
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="The motion with the faces.")],
        )

    @classmethod
    def execute(cls, faces, fps, motion=None) -> io.NodeOutput:
        return io.NodeOutput(from_face_landmarks(faces, fps, motion))


NODES = [EncodeOnnxMotion, MotionFromFaceLandmarks]
