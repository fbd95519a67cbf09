"""Where a network looks: Grad-CAM on any block, shares of facial regions, pointing game, controls.

``gradcam`` makes maps, ``evidence`` what their target is, ``regions`` says which pixels are eyes,
brows, nose and mouth corners, ``truth`` which pixels of a generated clip move, ``scores`` turns
maps into numbers, ``summary`` these into a table with intervals, ``sheets`` and ``overlay`` into
pictures.
"""
