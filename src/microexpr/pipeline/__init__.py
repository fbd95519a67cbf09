"""What makes a result stale: fingerprints of code, the sources of the clips, adopted code.

Nothing here imports more than Python's own library, pydantic and PyYAML.
"""
