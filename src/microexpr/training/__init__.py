"""Training: from cached features to predictions for test clips.

1. ``store.open_features`` reads the caches of all shards as one sequence of frames.
2. ``windows.WindowTable`` lists the windows of N frames as indices into it.
3. ``feature_modes.Frames`` pools and standardises frames; ``model`` classifies windows of them.
4. ``fold.train_fold`` fits both on a fold's training clips (``fitting``) and predicts for its test
   clips; ``model.TrainedModel`` is the result, and its file.
5. ``chunks.train_folds`` trains folds as configured, and resumes.
"""
