"""What people run without the pipeline: magnifying videos, applying a trained model."""
