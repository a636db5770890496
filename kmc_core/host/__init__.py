"""The border to ComfyUI: the only package that imports the host. `nodes/` uses it; nothing else in the core
does.
"""
