"""Answers of an exported model for other videos: the way of the pipeline, clip by clip.

``exported`` is the model's folder, ``honest`` the accuracy in it; ``sources`` finds clips,
``pieces`` cuts long ones, ``recognise`` answers, ``tally`` sums up, ``outputs`` and ``drawing``
write, ``run`` joins.
"""
