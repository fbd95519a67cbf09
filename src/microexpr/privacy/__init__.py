"""Personal data: files for their owner alone, and a subject's traces removed on demand."""
