"""GLSL for rendered people: materials are painted from rest-pose coordinates, so they move with the mesh.

Rest coordinates are Anny's template metres (x to the person's left, y backwards, z up, feet near -0.82, crown
near 0.85).
"""

from typing import Final

# Material of a vertex; triangles never mix materials because MakeHuman's helper groups share no vertices.
SKIN, CLOTH, SKIRT, HAIR, EYE, TEETH, LASH, TONGUE, SCALP = range(9)

VERTEX: Final = """
#version 330
uniform mat4 clip_from_world;
uniform mat4 light_from_world;
in vec3 position; in vec3 normal; in vec3 rest; in vec4 paint;
out vec3 world; out vec3 n; out vec3 r; out float arm; out float shade; out float lip; out vec4 lit;
flat out int kind;
void main() {
    world = position; n = normal; r = rest;
    kind = int(paint.x + 0.5); arm = paint.y; shade = paint.z; lip = paint.w;
    lit = light_from_world * vec4(position, 1.0);
    gl_Position = clip_from_world * vec4(position, 1.0);
}
"""

# Which cloth covers a rest point: 0 none, 1 top, 2 bottom. `slack` shrinks the cover for the skin beneath.
COVER: Final = """
uniform vec4 cut;      // top hem z, trouser hem z, sleeve end (0 chest, 1 shoulder, 2 elbow, 3 wrist), neck z
uniform float vneck;   // depth of a V neckline in metres, 0 for a round one
uniform vec3 skirt;    // worn (0/1), hem z, waist z
uniform vec4 style;    // hair: 0 bald, 1 cropped, 2 short, 3 long; cut z, front hairline z, curtain y
bool beneath_skirt(vec3 r, float arm) {
    return skirt.x > 0.5 && arm < 0.97 && r.z < skirt.z && r.z > skirt.y + 0.05;
}
int cover(vec3 r, float arm, float slack) {
    if (arm > 0.97) return arm < cut.z - slack ? 1 : 0;
    float neck = cut.w;
    if (r.y < -0.02) neck = min(neck, 0.575 - vneck + 1.1 * abs(r.x));
    if (abs(r.x) > 0.095 + 0.2 * slack) neck = 1.0;
    if (r.z > cut.x) return r.z < neck - slack * 0.2 ? 1 : 0;
    return r.z > cut.y + slack * 0.2 ? 2 : 0;
}
uniform sampler3D noise_map;  // smooth random values that repeat; llvmpipe would compute them on every branch
float noise(vec3 p) { return texture(noise_map, p / 16.0).r; }
// Height of the hairline around the head, from the forehead to the nape.
float hairline(vec3 r) {
    float back = smoothstep(-0.115, -0.085, r.y), nape = smoothstep(-0.05, 0.0, r.y);
    return mix(mix(style.z + 0.25 * abs(r.x), 0.742, back), 0.645, nape);
}
"""

FRAGMENT_HEAD: Final = """
#version 330
in vec3 world; in vec3 n; in vec3 r; in float arm; in float shade; in float lip; in vec4 lit;
flat in int kind;
out vec4 color;
uniform vec3 eye, key_direction, key_light, fill_direction, fill_light, sky, ground;
uniform vec3 skin, lips, brows, iris, hair, shoes, top_a, top_b, bottom_a, bottom_b;
uniform vec4 top_pattern, bottom_pattern;  // kind, period in metres, phase, line width 0..1
uniform vec3 beard;     // amount, moustache, stubble length z
uniform float shoe_top;
uniform sampler2DShadow shadow_map;
uniform float shadow_strength;
uniform float toon;  // 0 lights as in nature; else flat colours, and how bright those in the shade are
"""

PAINT: Final = """
float band(float x, float width) {
    float edge = 0.5 - width * 0.5;
    return smoothstep(edge - 0.03, edge + 0.03, abs(fract(x) - 0.5));
}
vec3 cloth(vec3 a, vec3 b, vec4 p, vec3 r, float arm) {
    bool sleeve = arm > 1.0;
    float along = (sleeve ? arm * 0.27 : r.z) / p.y + p.z, across = (sleeve ? r.y : r.x) / p.y + p.z;
    int k = int(p.x + 0.5);
    if (k == 1) return mix(a, b, band(along, p.w));
    if (k == 2) return mix(a, b, band(across, p.w));
    if (k == 3) return mix(a, b, 0.5 * (band(along, p.w) + band(across, p.w)));
    if (k == 4) return length(fract(vec2(along, across)) - 0.5) < 0.34 ? b : a;
    if (k == 5) return (!sleeve && r.y < 0.0 && length(vec2(r.x * 0.9, r.z - 0.36)) < p.y * 0.9) ? b : a;
    if (k == 6) return along - p.z > 0.36 / p.y || sleeve ? b : a;
    if (k == 7) return noise(r * (1.6 / p.y)) > 0.52 ? b : a;
    return a;
}
vec3 paint_eye(vec3 r) {
    vec3 d = r - vec3(sign(r.x) * 0.031, -0.125, 0.7285); float q = length(d.xz);
    if (d.y > -0.004) return vec3(0.93);
    if (q < 0.0023) return vec3(0.015);
    if (q < 0.0062) return iris * (0.65 + 0.6 * smoothstep(0.0023, 0.006, q)) * (q > 0.0056 ? 0.45 : 1.0);
    return vec3(0.93, 0.92, 0.91);
}
float grown(vec3 r, float fine) { return r.z - hairline(r) + 0.006 * fine - (lip < -0.5 ? 1.0 : 0.0); }
vec3 paint_skin(vec3 r, float fine, float mid) {
    if (r.z < shoe_top) return shoes;
    vec3 c = skin * (0.96 + 0.08 * mid);
    if (r.z < 0.58) return c;
    float x = abs(r.x), mouth = max(lip, 0.0);
    bool front = r.y < -0.09;
    float cheek = smoothstep(0.03, 0.0, length(vec2(x - 0.045, r.z - 0.69))) * float(front);
    c *= mix(vec3(1.0), vec3(1.08, 0.86, 0.83), 0.35 * cheek);
    c = mix(c, lips, mouth);
    float t = clamp((x - 0.012) / 0.042, 0.0, 1.0), arch = 0.7465 + 0.0075 * sin(2.2 * t + 0.25);
    float thick = 0.0045 * (1.0 - 0.65 * t);
    if (front && x > 0.011 && x < 0.055 && abs(r.z - arch) < thick + 0.0014 * fine) c = mix(c, brows, 0.88);
    float chin = smoothstep(0.0, 0.012, beard.z - r.z + 0.35 * max(0.0, x - 0.02))
        * smoothstep(-0.05, -0.08, r.y)
        * smoothstep(0.61, 0.622, r.z + 0.2 * max(0.0, x - 0.03));
    float above = smoothstep(0.003, 0.0, abs(r.z - 0.6755) - 0.0035) * smoothstep(0.026, 0.02, x)
        * float(r.y < -0.13);
    c = mix(c, hair * 0.8, (1.0 - mouth) * clamp(max(beard.x * chin, beard.y * above), 0.0, 0.9));
    if (style.x > 0.5) c = mix(c, hair * (0.8 + 0.3 * fine), 0.92 * smoothstep(0.002, 0.008, grown(r, fine)));
    return c;
}
bool bare_hair(vec3 r, float strand) {
    return style.x < 2.5 || r.z < style.y + 0.03 * strand || r.z > 0.80 || r.y < style.w + 0.012 * strand;
}
"""

FRAGMENT_MAIN: Final = """
float shadow(vec3 N) {
    if (shadow_strength <= 0.0) return 1.0;
    vec3 q = lit.xyz / lit.w * 0.5 + 0.5; float s = 0.0;
    for (int i = -2; i <= 2; ++i) for (int j = -2; j <= 2; ++j)
        s += texture(shadow_map, vec3(q.xy + vec2(i, j) * 0.0022, q.z - 0.004));
    return 1.0 - shadow_strength * (1.0 - s / 25.0);
}
void main() {
    vec3 base; float gloss = 0.05, sharp = 12.0; vec3 N = normalize(n);
    float fine = noise(r * 260.0), mid = noise(r * 45.0), strand = noise(r * vec3(420, 420, 18));
    if (toon > 0.0) fine = mid = strand = 0.5;
    int c = cover(r, arm, 0.0);
    bool top = c == 1 && kind == 1;
    vec4 pattern = top ? top_pattern : bottom_pattern;
    vec3 fabric = cloth(top ? top_a : bottom_a, top ? top_b : bottom_b, pattern, r, top ? arm : 0.0);
    fabric *= 0.92 + 0.12 * mid;
    if (kind == 0) {
        if (cover(r, arm, 0.16) > 0 || beneath_skirt(r, arm)) discard;
        base = paint_skin(r, fine, mid);
        gloss = r.z < shoe_top ? 0.15 : 0.09 + 0.25 * max(lip, 0.0); sharp = 18.0;
    } else if (kind == 1) {
        if (c == 0 || r.z < shoe_top || beneath_skirt(r, arm)) discard;
        base = abs(r.z - cut.x) < 0.006 && arm < 0.97 ? fabric * 0.6 : fabric;
    } else if (kind == 2) {
        if (skirt.x < 0.5 || r.z < skirt.y || r.z > skirt.z) discard;
        base = fabric;
    } else if (kind == 3 || kind == 8) {
        if (style.x < 1.5 || (kind == 3 ? bare_hair(r, strand) : grown(r, fine) < 0.004)) discard;
        base = hair * (0.55 + 0.5 * strand + 0.3 * mid);
        N = normalize(N + 0.4 * (vec3(strand, fine, mid) - 0.5)); gloss = 0.2; sharp = 14.0;
    } else if (kind == 4) { base = paint_eye(r); gloss = 0.7; sharp = 90.0; }
    else if (kind == 5) base = vec3(0.9, 0.88, 0.82);
    else if (kind == 6) base = vec3(0.05, 0.04, 0.035);
    else base = vec3(0.72, 0.33, 0.32);
    vec3 V = normalize(eye - world);
    if (dot(N, V) < 0.0) N = -N;
    float k = clamp(dot(N, key_direction) * 0.85 + 0.15, 0.0, 1.0) * shadow(N);
    if (toon > 0.0) { color = vec4(base * (k > 0.35 ? 1.0 : toon), 1.0); return; }
    float f = max(dot(N, fill_direction), 0.0);
    vec3 ambient = mix(ground, sky, 0.5 + 0.5 * N.z) * shade;
    vec3 H = normalize(key_direction + V);
    float rim = pow(1.0 - max(dot(N, V), 0.0), 3.0) * 0.12;
    vec3 light = ambient + key_light * k * mix(1.0, shade, 0.5) + fill_light * f * shade + rim * sky;
    vec3 linear = pow(base, vec3(2.2)) * light
        + gloss * key_light * k * pow(max(dot(N, H), 0.0), sharp);
    color = vec4(pow(clamp(linear, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
}
"""

FRAGMENT: Final = FRAGMENT_HEAD + COVER + PAINT + FRAGMENT_MAIN

SHADOW_VERTEX: Final = """
#version 330
uniform mat4 light_from_world;
in vec3 position; in vec3 rest; in vec4 paint;
out vec3 r; out float arm; flat out int kind;
void main() {
    r = rest; arm = paint.y; kind = int(paint.x + 0.5);
    gl_Position = light_from_world * vec4(position, 1.0);
}
"""

SHADOW_FRAGMENT: Final = (
    """
#version 330
in vec3 r; in float arm; flat in int kind;
"""
    + COVER
    + """
void main() {
    if (kind == 1 && cover(r, arm, 0.0) == 0) discard;
    if (kind == 2 && (skirt.x < 0.5 || r.z < skirt.y || r.z > skirt.z)) discard;
    if (kind == 8 && (style.x < 1.5 || r.z < hairline(r))) discard;
    if (kind == 3 && (style.x < 2.5 || r.z < style.y || r.z > 0.80 || r.y < style.w)) discard;
}
"""
)
