"""Micro-expression recognition with motion magnification: from clips to an accuracy table."""

import os

__version__ = "0.2.0"
MAX_PIXELS = 2**26  # of one picture: 67 million, as of 8192 x 8192
# OpenCV looks it up when it is imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
