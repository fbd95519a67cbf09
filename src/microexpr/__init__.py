"""Micro-expression recognition with motion magnification: from clips to an accuracy table."""

__version__ = "0.2.0"
