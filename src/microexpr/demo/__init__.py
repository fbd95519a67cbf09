"""A generated data set: drawn faces with micro-expressions of known displacement.

Its folders are those of SMIC-HS, so that the whole pipeline runs without any licence, and the
ground truth of each clip is written beside it. Figures obtained on it show whether the pipeline
works; they say nothing about people and are never put beside figures on recorded data.
"""
