"""Which of the 478 face landmarks are which: the lines that people see, and the points that bones hold.

Left and right are the person's own, so "right" lies on the left of a picture that faces the camera.
"""

from typing import Final

RIGHT_EYE: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE: Final = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_IRIS: Final = (469, 470, 471, 472)
LEFT_IRIS: Final = (474, 475, 476, 477)
RIGHT_IRIS_CENTRE: Final = 468
FIRST_IRIS: Final = RIGHT_IRIS_CENTRE  # the points from here on are irises'
LEFT_IRIS_CENTRE: Final = 473
RIGHT_BROW: Final = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW: Final = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
OUTER_LIPS: Final = (
    61,
    146,
    91,
    181,
    84,
    17,
    314,
    405,
    321,
    375,
    291,
    409,
    270,
    269,
    267,
    0,
    37,
    39,
    40,
    185,
)
INNER_LIPS: Final = (
    78,
    95,
    88,
    178,
    87,
    14,
    317,
    402,
    318,
    324,
    308,
    415,
    310,
    311,
    312,
    13,
    82,
    81,
    80,
    191,
)
MOUTH_MIDDLE: Final = (13, 14)  # of the inner lips, above and below
MOUTH_CORNERS: Final = (78, 308)
CHEEKS: Final = (50, 101, 118, 280, 330, 347)
NOSE_BRIDGE: Final = (168, 6, 197, 195, 5, 4)
NOSE_BASE: Final = (98, 97, 2, 326, 327)
OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

# Closed lines return to their first point, open ones do not.
CLOSED_LINES: Final = (
    RIGHT_EYE,
    LEFT_EYE,
    RIGHT_IRIS,
    LEFT_IRIS,
    RIGHT_BROW,
    LEFT_BROW,
    OUTER_LIPS,
    INNER_LIPS,
    OVAL,
)
OPEN_LINES: Final = (NOSE_BRIDGE, NOSE_BASE)

# Points that the skull holds, whatever the face expresses: forehead, temples, eye corners, nose bridge.
RIGID: Final = (10, 151, 9, 8, 168, 6, 197, 127, 234, 356, 454, 33, 133, 362, 263)

# The points of the mesh that lie closest to five joints of the body.
HEAD_JOINTS: Final = {
    "nose": 4,
    "r_eye": RIGHT_IRIS_CENTRE,
    "l_eye": LEFT_IRIS_CENTRE,
    "r_ear": 234,
    "l_ear": 454,
}

# The customary 70-point face: jaw, brows, nose, eyes, lips (68 points), then the right and left pupil.
OPENPOSE_FACE: Final = (
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
    RIGHT_IRIS_CENTRE, LEFT_IRIS_CENTRE,
)  # fmt: skip
