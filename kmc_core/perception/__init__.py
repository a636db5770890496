"""From pictures to a Motion: converted MediaPipe and identity nets, and what is built on them."""
