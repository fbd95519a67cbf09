"""Training on cached features: windows as indices, retrained blocks once a frame, Bi-LSTM.

``parts`` trains folds and resumes; ``fold`` is one of them; ``fitting`` the loop; ``model`` the
network; ``store`` reads the caches; ``feature_modes`` turns features into what the network sees.
"""
