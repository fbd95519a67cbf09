"""The command line of every stage, and of what no rule runs, in a finished project."""

from __future__ import annotations

import json
from pathlib import Path

# Sections beside those of the smallest run: all of it about one method and one N.
N = 9
SETTINGS = {
    "train": {"epochs": 2, "feature_modes": ["onset_difference"], "chunks": 1},
    "select": {"folds": 2},
    "ablation": {"method": "none", "n": N},
    "leak": {"methods": ["none"], "n": N},
    "compare": {"systems": ["evm_tim"], "against": {"method": "none", "n": N}},
    "key_frames": {"methods": ["none"], "systems": [], "errors": [1], "n": N},
    "explain": {"methods": ["none"], "n": N, "blocks": [13]},
    "model": {"method": "none", "n": N},
}
CLIP = "s3_po_01"
SHARDS = ("s1-s2", "s3")
FACES = [f"results/faces/{shard}.h5" for shard in SHARDS]
FEATURES = [f"results/features/mobilenet_vggface2/none/{shard}.h5" for shard in SHARDS]
CHUNKS = [
    f"results/train/{m}/N{n}/chunk{p}.csv" for m in ("pmm", "none") for n in (7, 9) for p in (0, 1)
]
MANIFEST = ("--manifest", "results/manifest.csv")
FOLDS = ("--folds", "results/folds.csv")
TABLES = ("metrics", "predictions", "confusion", "table", "comparisons")
RESULTS = {name: (f"--{name}", f"results/{name}.csv") for name in TABLES}
METHOD = ("--method", "none")


def clips(out: Path, made: Path) -> dict[str, list[object]]:
    """Return the options of each stage that works on clips."""
    root = ("--root", "results/demo", "--subjects", "s3")
    return {
        "index": ["--manifest", out / "manifest.csv"],
        "demo": ["--done", out / "demo.json", "--root", out / "demo", "--subjects", "s3"],
        "decode": [*MANIFEST, "--frames", out / "frames.h5", *root],
        "crop": ["--frames", made / "frames.h5", "--faces", out / "faces.h5"],
        "magnify": [*("--faces", FACES[1], "--magnified", out / "magnified.h5", "--method", "pmm")],
        "features": ["--images", FACES[1], "--features", out / "features.h5"],
    }


def networks(out: Path, made: Path) -> dict[str, list[object]]:
    """Return the options of each stage that trains, tests or counts."""
    features = ("--features", *FEATURES, *MANIFEST)
    training = [*features, *FOLDS, *METHOD, "--n", N]
    system = ("--folds", FOLDS[1], "--system", "evm_tim")
    evaluated = ("--features", FEATURES[0], *MANIFEST)
    return {
        "split": [*MANIFEST, "--folds", out / "folds.csv"],
        "train": [*training, "--predictions", out / "train.csv"],
        "train --models": [
            *training,
            *("--predictions", out / "train.csv", "--models", out / "models"),
        ],
        "train --inner": [*training, "--inner", "--predictions", out / "inner.csv"],
        "train_controls": [*training, "--predictions", out / "single.csv"],
        "evaluate": ["--predictions", *CHUNKS, *evaluated, "--folder", out / "tables"],
        "train_system": [
            *("--caches", *FACES, *MANIFEST, *system, "--predictions", out / "evm_tim.csv"),
            *("--best_epoch", out / "best_epoch.csv"),
        ],
        "tabulate_systems": [
            *("--systems", made / "evm_tim.csv", "--method", made / "train.csv", *MANIFEST),
            *("--best_epoch", made / "best_epoch.csv", "--table", out / "comparison.csv"),
        ],
        "tabulate_ablation": [
            *("--predictions", made / "rows.csv", *evaluated, "--table", out / "ablation.csv")
        ],
        "tabulate_noise_floor": [
            *("--predictions", made / "redrawn.csv", *MANIFEST, "--table", out / "noise_floor.csv")
        ],
        "train_leak": [*features, "--predictions", out / "leak.csv", *METHOD],
        "model": [*features, *RESULTS["metrics"], "--model", out / "model"],
    }


def pictures(out: Path, made: Path) -> dict[str, list[object]]:
    """Return the options of each stage that draws or makes pages."""
    epochs = CHUNKS[0].replace(".csv", ".epochs.csv")
    folder = ("--folder", out / "figures")
    drawn = (*RESULTS["metrics"], *RESULTS["predictions"], *RESULTS["confusion"])
    summed = (*RESULTS["table"], *RESULTS["metrics"], *RESULTS["comparisons"])
    summed += (*RESULTS["predictions"], "--features", FEATURES[0])
    seen = ("--faces", *FACES, "--images", *FACES, "--features", *FEATURES)
    return {
        "figures": ["--epochs", epochs, *drawn, *folder],
        "quality": ["--faces", *FACES, *folder],
        "embedding": ["--features", *FEATURES, *MANIFEST, *METHOD, "--stem", out / "tsne"],
        "motion": [
            *("--faces", FACES[1], "--magnified", "results/magnified/pmm/s3.h5", *MANIFEST),
            *("--clip", CLIP, *folder),
        ],
        "tabulate_leak": ["--predictions", made / "leak.csv", "--table", out / "leak_table.csv"],
        "tabulate_key_frames": [
            *("--predictions", made / "wrong.csv", *MANIFEST, "--table", out / "key_frames.csv")
        ],
        "gradcam": [
            *(*seen, "--models", made / "models", *MANIFEST, *FOLDS),
            *("--folder", out / "none", "--clips", CLIP),
        ],
        "explain": [
            *("--maps", made / "none/maps.h5", *MANIFEST, "--folder", out / "explain"),
            *("--shown", CLIP),
        ],
        "summary": [
            *(*summed, "--summary", out / "summary.md", "--pages", out / "pages"),
            *("--configuration", out / "configuration.yaml", "--origins", out / "origins.csv"),
        ],
        "pages": [
            *("--shown", "results/table.csv", "--pages", out / "table.html"),
            *("--cells", out / "cells"),
        ],
    }


def by_hand(out: Path, made: Path) -> dict[str, list[object]]:
    """Give the command lines of what no rule runs."""
    video = made / f"figures/motion_{CLIP}.mp4"
    low = ("--method", "amm", "--passband", 1, 4)  # the video plays slowly
    answers = ("--model", made / "model", "--output", out / "answers")
    return {
        "magnify a video": ["magnify", video, out / "magnified.mp4", *low],
        "predict": ["predict", video, *answers],
    }


def tables_read(stage: str, arguments: list[object], made: Path) -> list[Path]:
    """Give the sealed files that a stage reads: those named in its command, and those beside."""
    beside = {
        "explain": [made / "none/clips.csv"],
        "summary": [Path(MANIFEST[1])],
        "pages": [
            Path(MANIFEST[1]),
            *(Path(RESULTS[name][1]) for name in ("metrics", "comparisons", "predictions")),
        ],
        "predict": [made / "model/config.json"],
    }
    named = [Path(str(argument)) for argument in arguments]
    found = [path for path in named if path.suffix == ".csv" and path.is_file()]
    return list(dict.fromkeys([*found, *beside.get(stage, [])]))


def every_stage(out: Path, made: Path, config: Path) -> dict[str, list[object]]:
    """Give all command lines, each after those whose files it reads from `made`."""
    found = clips(out, made) | networks(out, made) | pictures(out, made)
    stages = {
        name: ["stage", name.partition(" ")[0], *options, "--config", config]
        for name, options in found.items()
    }
    # Controls that are trained would be missed by stage evaluate.
    controls = json.loads(config.read_text()) | {"evaluate": {"controls": ["single_frame"]}}
    stages["train_controls"][-1] = json.dumps(controls)
    return stages | by_hand(out, made)
