"""Where a network looks: Grad-CAM on any block, shares of facial regions, pointing game, controls.

``gradcam`` makes maps, ``clips`` explains a clip by them, ``inputs`` opens the clips of a run,
``maps`` stores what was found and ``scores`` turns it into numbers: ``measured`` does all that for
a clip. ``summary`` is the table with intervals and its charts, ``sheets`` are pictures of maps, and
``drawing`` makes those of a run.
"""
