"""Fingerprints of code: they change when a result can change, and at no other edit.

Nothing here imports more than Python's own library: planning needs Snakemake alone.
"""
