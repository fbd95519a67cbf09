"""Predictions of an exported model for other videos: the pipeline's own way, clip by clip.

``exported_model`` is the model's folder, ``accuracy`` what is known of it; ``named_clips`` finds
clips, ``video_pieces`` cuts long ones, ``recognise`` predicts, ``prediction_files`` and
``annotated_video`` write, ``run`` joins them.
"""
