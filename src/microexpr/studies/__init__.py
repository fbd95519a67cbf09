"""Studies beside the main table: ablation, data leakage, comparison with published systems."""
