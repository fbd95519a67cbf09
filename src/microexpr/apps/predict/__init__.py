"""Predictions of an exported model for other videos: the pipeline's own way, clip by clip.

``exported_model`` reads a model's folder; ``pieces`` cuts clips and predicts them,
``prediction_files`` and ``annotated_video`` write, ``run`` joins them.
"""
