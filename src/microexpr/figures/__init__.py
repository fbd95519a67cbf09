"""Figures of a run, as vectors and as PNG: one look, consistent sizes and names.

``tables`` draws the tables of a run; ``inputs`` crops and windows; ``embedding`` where clips lie in
the space of features; ``motion`` slices through time, and ``videos`` the same to watch. ``style``
holds what they share, ``planned`` what is known before the first job.
"""
