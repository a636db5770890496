"""The sockets that only this pack has."""

from comfy_api.latest import io

Motion = io.Custom("KMC_MOTION")
Subject = io.Custom("KMC_SUBJECT")
Identity = io.Custom("KMC_IDENTITY")
PoseKeypoints = io.Custom("POSE_KEYPOINT")
