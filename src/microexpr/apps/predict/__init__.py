"""Predictions of an exported model for other videos: the pipeline's own way, clip by clip.

``exported_model`` is the model's folder; ``named_clips`` finds clips, ``pieces`` cuts and predicts
them, ``prediction_files`` and ``annotated_video`` write, ``run`` joins them.
"""
