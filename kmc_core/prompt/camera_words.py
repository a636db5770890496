"""Camera words in English and Chinese <-> a structured `Camera`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import KMCError
from ..motion.camera import DIRECTIONS, Camera, CameraDirection, CameraKind, CameraMove, CameraSpeed

_SPEED = (
    r"(?:(?:very|super)\s+)?(?:slow(?:ly)?|gentl[ey]|gradual(?:ly)?|subtl[ey]|fast|quick(?:ly)?"
    r"|rapid(?:ly)?|sudden(?:ly)?|smooth(?:ly)?|stead(?:y|ily))"
)
_CAMERA = (
    r"(?:the\s+)?(?:camera|cam|lens)"
    r"(?:\s+starts?\s+(?:wide|close|tight|low|high|still)\s+(?:and\s+then|and|then))?"
    r"(?:\s+(?:is|should|will|then|starts?\s+to|starts?|begins?\s+to|movement:?))*"
)
_DIRECTION = (
    r"(?:from\s+(?:left|right|up|down|top|bottom)\s+to(?:\s+the)?\s+\w+|(?:to\s+the\s+|to\s+)?(?:left|right)"
    r"|up(?:wards?)?|down(?:wards?)?|in\s+and\s+out|out\s+and\s+in|in|out|back(?:wards?)?|forwards?|away|closer"
    r"|nearer|around)\b"
)
_OBJECT = r"(?:on|onto|around)\s+(?:(?:the|a|an|her|his|their|its)\s+)?(?!(?:left|right|the|an?)\b)[\w-]+"
_TAIL = rf"(?:\s+(?:{_OBJECT}|{_DIRECTION}|{_SPEED}|(?:shot|movement|motion|move)\b))"
# Verbs that need the word "camera" before them, and those that a direction after them makes clear.
_WITH_CAMERA = (
    r"pan(?:s|ning)?|tilt(?:s|ing)?|zoom(?:s|ing)?|doll(?:y|ies|ying)|push(?:es|ing)?|pull(?:s|ing)?|truck(?:s|ing)?"
    r"|mov(?:es?|ing)|glid(?:es?|ing)|slid(?:es?|ing)|com(?:es?|ing)|travel(?:s|l?ing)?|fl(?:y|ies|ying)"
    r"|cran(?:es?|ing)|ris(?:es?|ing)|descend(?:s|ing)?|roll(?:s|ing)?|orbit(?:s|ing)?|circl(?:es?|ing)"
    r"|rotat(?:es?|ing)|revolv(?:es?|ing)|spin(?:s|ning)?|follow(?:s|ing)?(?:\s+(?:him|her|them|it))?"
    r"|track(?:s|ing)?(?:\s+(?:him|her|them|it))?"
)
_ALONE = (
    r"pan(?:s|ning)?|tilt(?:s|ing)?|doll(?:y|ies|ying)|truck(?:s|ing)?|crane|pedestal|push|pull"
    r"|orbit(?:s|ing)?"
)
_ENGLISH: Final = re.compile(
    r"\b(?:"
    r"(?P<static>(?:static|fixed|still|locked(?:-off|\s+off|\s+down)?|stationary|tripod|motionless)\s+"
    r"(?:camera|cam|shot|frame|view)|(?:no|without(?:\s+any)?)\s+camera\s+(?:movements?|motion|moves?)"
    r"|(?:the\s+)?camera\s+(?:is\s+|stays\s+|remains\s+|holds\s+|keeps\s+)?(?:still|static|fixed|stationary|locked)"
    r"|(?:the\s+)?camera\s+(?:doesn't|does\s+not|never|not|isn't|is\s+not)\s+mov(?:es?|ing)|static(?=\s*(?:[,.;]|$|(?:wide|medium|close|long|full|low|high))))"
    r"|(?P<handheld>hand-?held(?:\s+(?:camera|cam|shot|style|footage))?|shaky\s+cam(?:era)?)"
    rf"|(?P<follow>(?:(?:tracking|follow(?:ing)?|steadicam)\s+(?:shot|camera)|steadicam){_TAIL}*)"
    rf"|(?P<orbit>(?:{_SPEED}\s+)?(?:(?:orbit(?:al|ing)?|arc)\s+(?:shot|camera)|360(?:\s*degrees?|°)?\s+"
    rf"(?:orbit|rotation|shot|spin|view)|rotation\s+of\s+the\s+camera){_TAIL}*)"
    rf"|(?P<crane>(?:{_SPEED}\s+)?(?:crane|boom)\s+shot{_TAIL}*)"
    rf"|(?P<camera>{_CAMERA}\s+(?:{_SPEED}\s+)?(?:{_WITH_CAMERA})\b{_TAIL}*)"
    rf"|(?P<zoom>(?:a\s+)?(?:{_SPEED}\s+)?(?:camera\s+)?(?:dolly\s+)?zoom(?:s|ing|ed)?\b{_TAIL}*)"
    rf"|(?P<alone>(?:a\s+)?(?:{_SPEED}\s+)?(?:camera\s+)?(?:{_ALONE})\s+(?:{_SPEED}\s+)?"
    rf"(?:{_DIRECTION}(?!\s+(?:the|a|an|her|his|their)\b)|shot\b){_TAIL}*)"
    r")",
)
_HANS_SPEED = r"(?:缓慢|慢慢|缓缓|慢速|轻轻|逐渐|快速|迅速|急速|猛地|突然|慢|快)?地?的?"
_HANS: Final = re.compile(
    r"(?P<static>固定(?:镜头|机位|摄像机)|静止(?:镜头|机位)|(?:镜头|机位|摄像机)(?:保持)?(?:不动|固定|静止))"
    r"|(?P<handheld>手持(?:镜头|拍摄|摄影)|手持感)"
    r"|(?P<follow>(?:镜头|摄像机)?(?:跟随|跟拍|跟踪)(?:镜头|拍摄|人物|她|他)?)"
    rf"|(?P<move>(?:镜头|摄像机|摄影机|相机)?{_HANS_SPEED}(?:向|往|从左向|从右向)?(?:[左右上下前后])?{_HANS_SPEED}"
    r"(?:推近|推进|推上|拉近|拉远|拉出|拉开|放大|缩小|后拉|前推|环绕|摇摄|摇动|平移|横移|移动|升起|上升|下降|倾斜"
    r"|(?<=[左右上下])[摇移转抬]|[左右]移|[左右]摇)(?:镜头|拍摄)?)"
    r"|(?P<turn>(?:镜头|摄像机|摄影机)(?:缓慢|慢慢|缓缓|快速)?地?(?:围绕|绕着?)[^，。,.;；]{0,6}(?:旋转|转动|环绕)?)",
)
_KINDS: Final[Mapping[str, CameraKind]] = {  # first stem found decides
    "zoom": "zoom", "dolli": "dolly", "dolly": "dolly", "pan": "pan", "tilt": "tilt",
    "pedestal": "crane", "cran": "crane", "boom": "crane", "ris": "crane", "descend": "crane",
    "orbit": "orbit", "circl": "orbit", "arc": "orbit", "360": "orbit", "rotat": "orbit",
    "revolv": "orbit", "spin": "orbit", "roll": "roll", "follow": "follow", "track": "follow",
}  # fmt: skip
_DEFAULTS: Final[Mapping[CameraKind, CameraDirection]] = {
    "pan": "right", "tilt": "up", "zoom": "in", "dolly": "in", "crane": "up", "roll": "left",
}  # fmt: skip


_WHERE: Final[Mapping[str, CameraDirection]] = {
    r"left": "left", r"right": "right", r"up(?:wards?)?|top": "up", r"down(?:wards?)?|bottom": "down",
    r"out|back(?:wards?)?|away": "out", r"in|closer|nearer|forwards?|towards?|into": "in",
}  # fmt: skip
_CHINESE_WHERE: Final[Mapping[str, CameraDirection]] = {
    "左": "left", "右": "right", "上": "up", "下": "down", "抬": "up",
}  # fmt: skip


@dataclass(frozen=True)
class CameraPhrase:
    """Characters start .. end of a text and the moves that they name."""

    start: int
    end: int
    moves: tuple[CameraMove, ...]


def camera_phrases(text: str) -> tuple[CameraPhrase, ...]:
    """The camera's moves in lower-case English or simplified Chinese, in the order written."""
    found = [CameraPhrase(*m.span(), _english_moves(m)) for m in _ENGLISH.finditer(text)]
    found += [CameraPhrase(*m.span(), _chinese_moves(m)) for m in _HANS.finditer(text)]
    return tuple(sorted(found, key=lambda phrase: phrase.start))


def read_camera(text: str) -> Camera:
    """The camera that a text speaks of; `camera_words` of it reads as the same camera."""
    moves = (move for phrase in camera_phrases(text.lower()) for move in phrase.moves)
    return Camera(tuple(dict.fromkeys(moves)))


def camera_words(camera: Camera) -> str:
    """What the camera does in English, "" when nobody said: "camera slowly pans left, handheld camera"."""
    return ", ".join(_words(move) for move in camera.moves)


def asked_camera(text: str) -> Camera:
    """As `read_camera`; raises KMCError when a text is given and names no move."""
    camera = read_camera(text)
    if text.strip() and not camera.moves:
        raise KMCError(
            f"Expected camera words such as 'camera slowly zooms in', got '{text.strip()}'; name a pan, "
            "tilt, zoom, dolly, crane, roll or orbit with its direction, or leave it empty."
        )
    return camera


def camera_report(camera: Camera) -> str:
    """What `apply_camera` does with these moves, and which of them a similarity cannot show."""
    shown = [move for move in camera.moves if move.flat and move.kind != "static"]
    left = [move for move in camera.moves if not move.flat]
    lines = [f"Applied: {camera_words(Camera(tuple(shown)))}." if shown else "The picture stands still."]
    if left:
        words = camera_words(Camera(tuple(left)))
        lines.append(f"Left out, a flat picture cannot show it: {words}.")
    return "\n".join(lines)


def _words(move: CameraMove) -> str:
    speed = {"slow": "slowly ", "fast": "quickly ", "normal": ""}[move.speed]
    if move.kind == "static":
        return "fixed camera"
    if move.kind == "handheld":
        return "handheld camera"
    verb = "dollies" if move.kind == "dolly" else f"{move.kind}s"
    whom = {"orbit": "around the subject", "follow": "the subject"}.get(move.kind, "")
    return " ".join(part for part in (f"camera {speed}{verb}", move.direction, whom) if part)


def _english_moves(match: re.Match[str]) -> tuple[CameraMove, ...]:
    text = match.group()
    if match.lastgroup == "static":
        return (CameraMove("static"),)
    if match.lastgroup == "handheld":
        return (CameraMove("handheld"),)
    directions = _directions(text)
    kind: CameraKind | None = next(
        (kind for stem, kind in _KINDS.items() if re.search(rf"\b{stem}", text)), None
    )
    if kind is not None:
        return _moves(kind, directions or (["down"] if "descend" in text else []), _speed(text))
    # pushes, pulls, moves, trucks: where to tells what it is
    if "around" in text:
        return _moves("orbit", directions, _speed(text))
    if directions[:1] in (["up"], ["down"]):
        return _moves("crane", directions, _speed(text))
    return _moves("dolly", directions or (["out"] if "pull" in text else []), _speed(text))


def _directions(text: str) -> list[CameraDirection]:
    """Directions in the order written; of "from left to right" the last."""
    text = re.sub(r"from\s+(?:the\s+)?\w+\s+to\b", "to", text)
    found: list[tuple[int, CameraDirection]] = [
        (match.start(), direction)
        for pattern, direction in _WHERE.items()
        for match in re.finditer(rf"\b(?:{pattern})\b", text)
    ]
    ordered: list[CameraDirection] = [direction for _, direction in sorted(found)]
    return ordered


def _speed(text: str) -> CameraSpeed:
    if re.search(r"slow|gentl|gradual|subtl|慢|缓|轻|逐渐", text):
        return "slow"
    return "fast" if re.search(r"fast|quick|rapid|sudden|快|迅|急|猛|突然", text) else "normal"


def _moves(
    kind: CameraKind, directions: Sequence[CameraDirection], speed: CameraSpeed
) -> tuple[CameraMove, ...]:
    fitting: list[CameraDirection] = [d for d in dict.fromkeys(directions) if d in DIRECTIONS[kind]]
    if kind == "dolly" and {"left", "right"} & set(fitting):
        fitting = [d for d in fitting if d in ("left", "right")]
    return tuple(CameraMove(kind, d, speed) for d in fitting or [_DEFAULTS.get(kind, "")])


def _chinese_moves(match: re.Match[str]) -> tuple[CameraMove, ...]:
    text, group = match.group(), match.lastgroup
    if group in ("static", "handheld", "follow"):
        return tuple(CameraMove(kind) for kind in ("static", "handheld", "follow") if kind == group)
    towards = re.sub(r"从[左右上下]", "", text)
    directions: list[CameraDirection] = [where for sign, where in _CHINESE_WHERE.items() if sign in towards]
    if group == "turn" or "环绕" in text:
        kind: CameraKind = "orbit"
    elif re.search(r"放大|缩小", text):
        kind, directions = "zoom", ["in"] if "放大" in text else ["out"]
    elif re.search(r"[升降]", text):
        kind, directions = "crane", ["up"] if "升" in text else ["down"]
    elif re.search(r"[推拉]", text):
        kind, directions = "dolly", ["out"] if re.search(r"拉远|拉出|拉开|后拉", text) else ["in"]
    elif "横移" in text:
        kind = "dolly"
    else:
        kind = "tilt" if directions[:1] in (["up"], ["down"]) else "pan"
    return _moves(kind, directions, _speed(text))
