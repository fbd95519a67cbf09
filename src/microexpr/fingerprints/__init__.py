"""Fingerprints of code, by Python's own library only: planning needs Snakemake alone."""
