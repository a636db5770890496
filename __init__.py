"""KMC Motion Control: the entry point that ComfyUI calls."""

WEB_DIRECTORY = "./js"


async def comfy_entrypoint():
    """The pack's nodes as the host's extension object, and its routes. The host is imported here alone."""
    from comfy_api.latest import ComfyExtension
    from server import PromptServer

    from .kmc_core.host.routes import add_routes
    from .nodes import NODES

    add_routes(PromptServer.instance.routes)

    class MotionControlExtension(ComfyExtension):
        async def get_node_list(self):
            return list(NODES)

    return MotionControlExtension()
