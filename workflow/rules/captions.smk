# What the report says of a file: its category and labels. Its caption is report/<name>.rst.
ALL_METHODS = {"method": "all", "N": "all"}
ONE_N = {"method": "all", "N": str(PLAN.config.explain.n)}
CLIPS = "Grad-CAM of clips"
CAPTIONS = {
    "summary": ("Summary", {"page": "1 summary"}),
    "configuration": ("Summary", {"page": "2 configuration, versions, checksums"}),
    "table": ("Accuracy", {"table": "accuracy against N"}),
    "table_feature_modes": ("Accuracy", {"table": "the other feature modes"}),
    "comparisons": ("Accuracy", {"table": "comparisons of two methods"}),
    "controls": ("Accuracy", {"table": "controls beside their methods"}),
    "metrics": ("Every number", {"table": "metrics"}),
    "predictions": ("Every number", {"table": "predictions"}),
    "cell": ("Method and N", {}),
    "page": ("Tables to read", {}),
    "accuracy": ("Accuracy against N", {"figure": "accuracy"} | ALL_METHODS),
    "recall": ("Accuracy against N", {"figure": "recall of each class"} | ALL_METHODS),
    "subjects": ("Accuracy against N", {"figure": "accuracy of each subject"} | ALL_METHODS),
    "confusion": ("Confusion", {"figure": "confusion matrix"}),
    "training": ("Training", {"figure": "training curves"}),
    "folds": ("Protocol", {"table": "who is tested in which fold"}),
    "leak": ("Protocol", {"table": "accuracy under leaky and clean splits"}),
    "windows": ("Data", {"figure": "window coverage"}),
    "crops": ("Data", {}),
    "tsne": ("Features", {"figure": "t-SNE by class and by subject"}),
    "slices": ("Motion", {"figure": "slices through time"}),
    "motion": ("Motion", {"figure": "video, methods side by side"}),
    "video_page": ("Motion", {"figure": "video, to watch"}),
    "comparison": ("Comparison", {"table": "compared systems"}),
    "ablation": ("Ablation", {"table": "one factor at a time"}),
    "noise_floor": ("Protocol", {"table": "folds and seeds drawn again"}),
    "key_frames": ("Protocol", {"figure": "accuracy under errors of key frames"}),
    "regions": ("Grad-CAM", {"figure": "table of regions"} | ONE_N),
    **{
        f"gradcam_{name}": ("Grad-CAM", {"figure": name} | ONE_N)
        for name in ("regions", "shares", "classes", "control", "pointing")
    },
    "gradcam_backbone": (CLIPS, {"figure": "blocks before training", "method": "none"}),
    "gradcam_blocks": (CLIPS, {"figure": "blocks over time"}),
    "gradcam_overlay": (CLIPS, {}),
}
