"""What makes a result stale; nothing here needs more than pydantic and PyYAML."""
