"""What belongs to a driving video beside its motion: sound, frame rate and size."""

from comfy_api.latest import io

from ..kmc_core.host.media import clip_of, sound_of


class VideoInfo(io.ComfyNode):
    """The host's own Get Video Components decodes every picture to floats: 16 GB for a minute of 720p. This
    reads the sound only.
    """

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KMC_VideoInfo",
            display_name="Video Info",
            category="KMC/motion",
            description="Sound, frame rate and size of a video, without decoding its pictures.",
            search_aliases=["audio from video", "fps"],
            inputs=[io.Video.Input("video", tooltip="The driving video, trimmed or not.")],
            outputs=[
                io.Audio.Output(
                    "audio", tooltip="Its sound, for Create Video. Nothing when the video is silent."
                ),
                io.Float.Output("fps", tooltip="Its frame rate, for Create Video."),
                io.Int.Output("width", tooltip="Width of its pictures."),
                io.Int.Output("height", tooltip="Height of its pictures."),
            ],
        )

    @classmethod
    def execute(cls, video) -> io.NodeOutput:
        clip = clip_of(video, fps=1.0)
        return io.NodeOutput(sound_of(video), clip.fps, *clip.size)


NODES = [VideoInfo]
