"""KMC Motion Control: the entry point that ComfyUI calls."""

WEB_DIRECTORY = "./js"


async def comfy_entrypoint():
    """The pack's nodes, as the host's extension object. The host is imported here, never at import."""
    from comfy_api.latest import ComfyExtension

    from .nodes import NODES

    class MotionControlExtension(ComfyExtension):
        async def get_node_list(self):
            return list(NODES)

    return MotionControlExtension()
