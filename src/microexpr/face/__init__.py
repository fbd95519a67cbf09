"""The face in a clip: detection, tracking, and the one transform per clip."""
