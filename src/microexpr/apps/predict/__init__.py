"""Predictions of an exported model for other videos: the pipeline's own way, clip by clip."""
