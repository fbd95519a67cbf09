"""Predictions of an exported model for other videos: the pipeline's own way, clip by clip.

``model_folder`` checks a model's folder and ``exported_model`` reads it; ``pieces`` cuts clips and
predicts them, ``prediction_files`` and ``annotated_video`` write, ``run`` joins them.
"""
