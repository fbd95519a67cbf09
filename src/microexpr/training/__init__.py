"""Training: from cached features (``store``) to predictions for test clips (``chunks``).

``windows`` are indices into frames; ``feature_modes`` pools and standardises these; ``model``
classifies windows, ``fitting`` optimises it, and ``fold`` does both for one fold.
"""
