"""The sockets that the host itself does not name."""

from comfy_api.latest import io

Motion = io.Custom("KMC_MOTION")
Subject = io.Custom("KMC_SUBJECT")
Identity = io.Custom("KMC_IDENTITY")
PoseKeypoints = io.Custom("POSE_KEYPOINT")
FaceLandmarks = io.Custom("FACE_LANDMARKS")
