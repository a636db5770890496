"""Draw posed people with OpenGL off screen, with exact alpha and depth. Training only: needs `moderngl`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import shading

Array = NDArray[np.float32]
OUTLINE_JUMP = 0.04  # metres: a surface that lies this far before its neighbour gets a line


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in world metres (z up); camera axes are x right, y down, z away."""

    eye: Sequence[float]
    target: Sequence[float]
    size: tuple[int, int]  # width, height in pixels
    fov: float = 30.0  # vertical, degrees

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """[3, 3] rows right, down, away in world coordinates."""
        away = np.subtract(self.target, self.eye)
        away = away / np.linalg.norm(away)
        right = np.cross(away, [0.0, 0.0, 1.0])
        right = right / np.linalg.norm(right)
        return np.stack([right, np.cross(away, right), away])

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return 0.5 * self.size[1] / float(np.tan(np.radians(self.fov) / 2))

    def to_camera(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """World points [..., 3] in camera axes, metres."""
        return (np.asarray(points, np.float64) - self.eye) @ self.axes.T

    def project(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """World points [..., 3] -> x, y in pixels (centres at +0.5), distance along the axis in metres."""
        cam = self.to_camera(points)
        depth = np.maximum(cam[..., 2:], 1e-3)
        centre = np.array(self.size, np.float64) / 2
        return np.concatenate([cam[..., :2] / depth * self.focal + centre, cam[..., 2:]], -1)

    def clip_from_world(self, near: float = 0.05, far: float = 20.0) -> NDArray[np.float64]:
        """[4, 4] OpenGL matrix."""
        view = np.eye(4)
        view[:3, :3] = self.axes * np.array([[1.0], [-1.0], [-1.0]])
        view[:3, 3] = -view[:3, :3] @ np.array(self.eye)
        t = 2 * self.focal / self.size[1]
        aspect = self.size[0] / self.size[1]
        frustum = np.diag([t / aspect, t, -(far + near) / (far - near), 0.0])
        frustum[2, 3], frustum[3, 2] = -2 * far * near / (far - near), -1.0
        return frustum @ view


@dataclass(frozen=True)
class Light:
    """A key light, a fill and a sky/ground ambient."""

    key_direction: Sequence[float] = (0.45, -0.75, 0.5)
    key_light: Sequence[float] = (0.75, 0.72, 0.68)
    fill_direction: Sequence[float] = (-0.7, -0.6, 0.2)
    fill_light: Sequence[float] = (0.16, 0.18, 0.22)
    sky: Sequence[float] = (0.5, 0.52, 0.56)
    ground: Sequence[float] = (0.26, 0.24, 0.22)
    shadow: float = 0.0  # strength of cast shadows, 0 draws none

    def matrix(self, centre: NDArray[Any], radius: float) -> NDArray[np.float64]:
        """[4, 4] orthographic view of a sphere from the key light."""
        away = -np.asarray(self.key_direction) / np.linalg.norm(self.key_direction)
        right = np.cross(away, [0.0, 0.0, 1.0])
        right = right / np.linalg.norm(right)
        rows = np.stack([right, np.cross(right, away), away]) / radius
        out = np.eye(4)
        out[:3, :3] = rows
        out[:3, 3] = -rows @ centre
        return out


class Renderer:
    """One mesh topology on one GL context; sizes are made when first asked for."""

    def __init__(self, rest: Array, paint: Array, triangles: NDArray[np.int32]) -> None:
        """`rest` [V, 3] template positions, `paint` [V, 4] as Body.paint, `triangles` [N, 3]."""
        import moderngl

        egl: Any = "egl"  # moderngl annotates this argument wrongly
        self.gl: Any = moderngl.create_standalone_context(backend=egl)
        self.gl.enable(moderngl.DEPTH_TEST)
        self.rest, self.kind, self.triangles = rest, paint[:, 0], triangles
        self.normals = vertex_normals_operator(triangles, len(rest))
        self.scalp, shell = _scalp(rest, paint, triangles)
        self.program: Any = self.gl.program(vertex_shader=shading.VERTEX, fragment_shader=shading.FRAGMENT)
        self.caster: Any = self.gl.program(
            vertex_shader=shading.SHADOW_VERTEX, fragment_shader=shading.SHADOW_FRAGMENT
        )
        fixed_rows = np.concatenate([rest, paint], 1)
        hair = fixed_rows[self.scalp]
        hair[:, 3] = shading.SCALP
        fixed = self.gl.buffer(np.concatenate([fixed_rows, hair]).astype("f4").tobytes())
        self.position: Any = self.gl.buffer(reserve=(len(rest) + len(hair)) * 12)
        self.normal: Any = self.gl.buffer(reserve=(len(rest) + len(hair)) * 12)
        # Closed surfaces come first and are drawn without their back faces; cloth and hair have two sides.
        closed = np.isin(
            paint[triangles[:, 0], 0], (shading.SKIN, shading.EYE, shading.TEETH, shading.TONGUE)
        )
        self.closed, self.cull_flag = 3 * int(closed.sum()), moderngl.CULL_FACE
        faces = np.concatenate([triangles[closed], triangles[~closed], shell])
        index = self.gl.buffer(faces.astype("i4").tobytes())
        still = (fixed, "3f 4f", "rest", "paint")
        self.mesh: Any = self.gl.vertex_array(
            self.program, [(self.position, "3f", "position"), (self.normal, "3f", "normal"), still], index
        )
        self.shadow_mesh: Any = self.gl.vertex_array(
            self.caster, [(self.position, "3f", "position"), still], index
        )
        self.shadow_map: Any = self.gl.depth_texture((1024, 1024))
        self.shadow_map.compare_func = "<="
        self.shadow_target: Any = self.gl.framebuffer(depth_attachment=self.shadow_map)
        self.noise_map: Any = self.gl.texture3d(
            (16, 16, 16), 1, np.random.default_rng(0).integers(0, 256, 4096, np.uint8).tobytes()
        )
        self.noise_map.filter = moderngl.LINEAR, moderngl.LINEAR
        self.targets: dict[tuple[int, int], Any] = {}

    def draw(
        self, vertices: Array, camera: Camera, light: Light, look: Mapping[str, Any], supersample: int = 2
    ) -> NDArray[np.uint8]:
        """One picture of `vertices` [V, 3] -> premultiplied colour and alpha [H, W, 4]."""
        width, height = camera.size[0] * supersample, camera.size[1] * supersample
        normals = vertex_normals(self.normals, self.triangles, vertices)
        hair = vertices[self.scalp] + normals[self.scalp] * np.float32(look["hair_height"])
        self.position.write(np.concatenate([vertices, hair]).astype("f4"))
        self.normal.write(np.concatenate([normals, normals[self.scalp]]).astype("f4"))
        centre = (vertices.max(0) + vertices.min(0)) / 2
        matrix = light.matrix(centre, float(np.linalg.norm(vertices - centre, axis=1).max()))
        uniforms = {"toon": 0.0} | dict(look) | _light_uniforms(light) | {"light_from_world": matrix}
        if light.shadow > 0:
            self._cast(uniforms)
        self._set(self.program, uniforms | {"clip_from_world": camera.clip_from_world(), "eye": camera.eye})
        self.shadow_map.use(0)
        self.noise_map.use(1)
        target = self._target(width, height)
        target.use()
        self.gl.clear(0.0, 0.0, 0.0, 0.0)
        self.gl.enable(self.cull_flag)
        self.mesh.render(vertices=self.closed)
        self.gl.disable(self.cull_flag)
        self.mesh.render(first=self.closed)
        pixels = np.frombuffer(target.read(components=4), np.uint8).reshape(height, width, 4)[::-1]
        if look.get("toon"):
            pixels = outlined(pixels, self.depth(camera, supersample, every=1))
        return _box(pixels, supersample)

    def depth(self, camera: Camera, supersample: int = 2, every: int | None = None) -> Array:
        """Distance along the view axis [H, W] in metres of the picture just drawn; inf where nothing is.
        `every` is the step between the drawn pixels that are read; None takes one of those in each pixel.
        """
        width, height = camera.size[0] * supersample, camera.size[1] * supersample
        raw = self._target(width, height).read(attachment=-1, components=1, dtype="f4")
        buffer = np.frombuffer(raw, np.float32).reshape(height, width)[::-1]
        step = every or supersample
        return _metres(buffer[::step, ::step])

    def release(self) -> None:
        """Give the context back."""
        self.gl.release()

    def _cast(self, uniforms: Mapping[str, Any]) -> None:
        self._set(self.caster, uniforms)
        self.shadow_target.use()
        self.shadow_target.clear(depth=1.0)
        self.shadow_mesh.render()

    def _target(self, width: int, height: int) -> Any:
        if (width, height) not in self.targets:
            self.targets[width, height] = self.gl.framebuffer(
                color_attachments=[self.gl.texture((width, height), 4)],
                depth_attachment=self.gl.depth_texture((width, height)),
            )
        return self.targets[width, height]

    @staticmethod
    def _set(program: Any, uniforms: Mapping[str, Any]) -> None:
        for name in program:
            if name not in uniforms:
                continue
            if name.endswith("_map"):
                program[name].value = uniforms[name]
                continue
            value = np.asarray(uniforms[name], "f4")
            program[name].write(value.T.astype("f4").tobytes() if value.ndim == 2 else value.tobytes())


def _scalp(rest: Array, paint: Array, triangles: NDArray[np.int32]) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Vertices of the scalp, and the triangles of a hair shell over it, numbered behind the mesh's own."""
    grown = (
        (paint[:, 0] == shading.SKIN)
        & (paint[:, 3] >= 0)
        & (rest[:, 2] > 0.62)
        & (np.abs(rest[:, 0]) < 0.085)
    )
    grown &= (rest[:, 2] > 0.77) | ((rest[:, 1] > -0.1) & (rest[:, 2] > 0.7)) | (rest[:, 1] > -0.045)
    kept = triangles[grown[triangles].all(1)]
    scalp = np.unique(kept)
    number = np.zeros(len(rest), np.int64)
    number[scalp] = np.arange(len(scalp)) + len(rest)
    return scalp, number[kept].astype(np.int32)


def _light_uniforms(light: Light) -> dict[str, Any]:
    unit = {
        k: np.divide(getattr(light, k), np.linalg.norm(getattr(light, k)))
        for k in ("key_direction", "fill_direction")
    }
    plain = {k: getattr(light, k) for k in ("key_light", "fill_light", "sky", "ground")}
    return unit | plain | {"shadow_strength": light.shadow, "shadow_map": 0, "noise_map": 1}


def outlined(pixels: NDArray[np.uint8], depth: Array) -> NDArray[np.uint8]:
    """Dark lines in [H, W, 4] inside the silhouette and wherever `depth` [H, W] jumps behind a pixel."""
    behind = np.where(np.isinf(depth), np.float32(99), depth)
    farthest = behind.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            farthest = np.maximum(farthest, np.roll(behind, step, axis))
    line = (farthest - behind > OUTLINE_JUMP) & (pixels[..., 3] > 0)
    out = pixels.copy()
    out[line, :3] = out[line, :3] // 6
    return out


def _box(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Average factor x factor blocks; background pixels are zero, so colour comes out premultiplied."""
    total = np.zeros((pixels.shape[0] // factor, pixels.shape[1] // factor, 4), np.uint16)
    for row in range(factor):
        for column in range(factor):
            total += pixels[row::factor, column::factor]
    return ((total + factor**2 // 2) // factor**2).astype(np.uint8)


def _metres(buffer: Array, near: float = 0.05, far: float = 20.0) -> Array:
    ndc = 2 * buffer - 1
    return np.where(buffer >= 1, np.float32(np.inf), 2 * near * far / (far + near - ndc * (far - near)))


def vertex_normals_operator(triangles: NDArray[np.int32], count: int) -> Any:
    """Sparse [V, N] that sums triangle normals at their corners."""
    from scipy.sparse import csr_matrix

    columns = np.repeat(np.arange(len(triangles)), 3)
    return csr_matrix(
        (np.ones(len(columns), np.float32), (triangles.reshape(-1), columns)), (count, len(triangles))
    )


def vertex_normals(operator: Any, triangles: NDArray[np.int32], vertices: Array) -> Array:
    """Unit normals [V, 3], area weighted."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    total = operator @ np.cross(b - a, c - a)
    return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)
