"""Where a network looks: Grad-CAM on any block, shares of facial regions, pointing game, controls.

``gradcam`` makes maps, ``clips`` explains a clip by them, ``inputs`` opens the clips of a run and
``maps`` stores what was found. ``scores`` turns maps into numbers, ``summary`` these into a table
with intervals and its charts, ``sheets`` maps into pictures.
"""
