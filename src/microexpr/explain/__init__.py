"""Where a network looks: Grad-CAM on any block, shares of facial regions, pointing game, controls.

``inputs`` opens the clips of a run, ``gradcam`` explains them, ``maps`` stores what was found and
``scores`` turns it into numbers; ``sheets`` are pictures of maps, ``drawing`` makes those of a run.
"""
