"""What a run says of itself: a summary of one page, and pages for Snakemake's report."""
