"""From pooled out-of-fold predictions to tables with intervals."""
