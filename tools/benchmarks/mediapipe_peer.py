"""Run MediaPipe on a clip and save what it saw; `perception.py` starts it in an environment of its own.

python mediapipe_peer.py holistic CLIP.mp4 RESULT.npz
python mediapipe_peer.py expressions CLIP.mp4 RESULT.npz face_landmarker.task
"""

import sys
import time

import cv2
import mediapipe
import numpy as np


def frames(path: str):
    """RGB frames of the clip, decoded one by one."""
    video = cv2.VideoCapture(path)
    while True:
        found, frame = video.read()
        if not found:
            return
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def points(landmarks, count: int, width: int, height: int) -> np.ndarray:
    """[count, 3] x, y and depth in pixels; zeros when nothing was found."""
    if landmarks is None:
        return np.zeros((count, 3))
    return np.array([(p.x * width, p.y * height, p.z * width) for p in landmarks.landmark[:count]])


def holistic(path: str) -> dict[str, np.ndarray]:
    """Body, hands and face of every frame from MediaPipe's own pipeline at its default complexity."""
    seen = {"body": [], "left": [], "right": [], "face": []}
    with mediapipe.solutions.holistic.Holistic(model_complexity=1, refine_face_landmarks=True) as net:
        start = time.perf_counter()
        for frame in frames(path):
            height, width = frame.shape[:2]
            result = net.process(frame)
            seen["body"].append(points(result.pose_landmarks, 33, width, height))
            seen["left"].append(points(result.left_hand_landmarks, 21, width, height))
            seen["right"].append(points(result.right_hand_landmarks, 21, width, height))
            seen["face"].append(points(result.face_landmarks, 478, width, height))
        seconds = time.perf_counter() - start
    return {"seconds": np.array(seconds), **{key: np.stack(value) for key, value in seen.items()}}


def expressions(path: str, task: str) -> dict[str, np.ndarray]:
    """The 52 expression coefficients of every frame (zeros without a face)."""
    vision, base = mediapipe.tasks.vision, mediapipe.tasks.BaseOptions(model_asset_path=task)
    options = vision.FaceLandmarkerOptions(
        base_options=base, output_face_blendshapes=True, running_mode=vision.RunningMode.VIDEO
    )
    seen = []
    with vision.FaceLandmarker.create_from_options(options) as net:
        for index, frame in enumerate(frames(path)):
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=frame)
            faces = net.detect_for_video(image, index * 40).face_blendshapes
            seen.append([c.score for c in faces[0]] if faces else [0.0] * 52)
    return {"expression": np.array(seen)}


if __name__ == "__main__":
    kind, clip, result, *rest = sys.argv[1:]
    np.savez(result, **(holistic(clip) if kind == "holistic" else expressions(clip, *rest)))
