"""The command line of every stage, and of what no rule runs, in a finished project."""

from __future__ import annotations

from pathlib import Path

# Sections beside those of the smallest run: all of it about one method and one N.
N = 9
SETTINGS = {
    "train": {"epochs": 2, "feature_modes": ["onset_difference"], "chunks": 1},
    "select": {"folds": 2},
    "ablation": {"method": "none", "n": N},
    "leak": {"methods": ["none"], "n": N},
    "compare": {"systems": ["evm_tim"], "against": {"method": "none", "n": N}},
    "explain": {"methods": ["none"], "n": N, "blocks": [13]},
    "model": {"method": "none", "n": N},
}
CLIP = "s3_po_01"
SHARDS = ("s1-s2", "s3")
FACES = [f"results/faces/{shard}.h5" for shard in SHARDS]
FEATURES = [f"results/features/mobilenet_vggface2/none/{shard}.h5" for shard in SHARDS]
PARTS = [
    f"results/train/{m}/N{n}/part{p}.csv" for m in ("pmm", "none") for n in (7, 9) for p in (0, 1)
]
MANIFEST = ("--manifest", "results/manifest.csv")
FOLDS = ("--folds", "results/folds.csv")
ONE_CACHE = ("--features", FEATURES[0])
TABLES = [f"--{name}=results/{name}.csv" for name in ("metrics", "predictions", "confusion")]
RESULTS = [Path(f"results/{name}.csv") for name in ("metrics", "comparisons", "predictions")]
ALL_CACHES = ("--faces", *FACES, "--images", *FACES, "--features", *FEATURES)


def clips(out: Path, made: Path) -> dict[str, list[object]]:
    """Give the command line of each stage that works on clips."""
    manifest = MANIFEST[1]
    return {
        "index": ["index", out / "manifest.csv"],
        "demo": ["demo", out / "demo", "--subjects", "s3"],
        "decode": ["decode", manifest, out / "frames.h5", "--subjects", "s3"],
        "crop": ["crop", made / "frames.h5", out / "faces.h5"],
        "magnify": ["magnify", FACES[1], out / "magnified.h5", "--method", "pmm"],
        "features": ["features", FACES[1], out / "features.h5"],
    }


def networks(out: Path, made: Path) -> dict[str, list[object]]:
    """Give the command line of each stage that trains, tests or counts."""
    method = ("--method", "none")
    training = (*MANIFEST, *FOLDS, *method, "--n", N)
    train = ["train", *FEATURES, "--output", out / "train.csv", *training]
    systems = [made / "evm_tim.csv", made / "train.csv"]
    return {
        "split": ["split", MANIFEST[1], out / "folds.csv"],
        "train": train,
        "train --models": [*train, "--models", out / "models"],
        "inner": ["inner", *FEATURES, "--output", out / "inner.csv", *training],
        "evaluate": ["evaluate", *PARTS, *MANIFEST, *ONE_CACHE, "--folder", out / "tables"],
        "compare": [
            *("compare", *FACES, "--output", out / "evm_tim.csv"),
            *(*MANIFEST, *FOLDS, "--system", "evm_tim"),
        ],
        "comparison": ["comparison", *systems, "--output", out / "comparison.csv", *MANIFEST],
        "ablation": [
            *("ablation", made / "rows.csv", "--output", out / "ablation.csv"),
            *(*MANIFEST, *ONE_CACHE),
        ],
        "leak": ["leak", *FEATURES, *MANIFEST, "--output", out / "leak.csv", *method],
        "model": [
            *("model", *FEATURES, *MANIFEST, "--metrics=results/metrics.csv"),
            *("--output", out / "model"),
        ],
    }


def pictures(out: Path, made: Path) -> dict[str, list[object]]:
    """Give the command line of each stage that draws or makes pages."""
    epochs = PARTS[0].replace(".csv", ".epochs.csv")
    shown, table = ("--clips", CLIP), "results/table.csv"
    magnified = "results/magnified/pmm/s3.h5"
    folder = ("--folder", out / "figures")
    return {
        "figures": ["figures", epochs, *TABLES, *folder],
        "quality": ["quality", *FACES, *folder],
        "embedding": [
            *("embedding", *FEATURES, *MANIFEST, "--method", "none", "--stem", out / "tsne")
        ],
        "motion": ["motion", FACES[1], magnified, *MANIFEST, "--clip", CLIP, *folder],
        "leak_plot": ["leak_plot", made / "leak.csv", "--output", out / "leak_plot.csv"],
        "gradcam": [
            *("gradcam", *ALL_CACHES, "--models", made / "models", *MANIFEST, *FOLDS),
            *("--output", out / "none", *shown),
        ],
        "explain": [
            *("explain", made / "none/maps.h5", *MANIFEST, "--folder", out / "explain", *shown)
        ],
        "summary": [
            *("summary", table, out / "summary.md", *MANIFEST, *ONE_CACHE),
            *("--pages", out / "pages"),
        ],
        "pages": ["pages", table, "--output", out / "table.html", "--cells", out / "cells"],
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
        "summary": RESULTS,
        "pages": [*RESULTS, Path(MANIFEST[1])],
        "predict": [made / "model/config.json"],
    }
    named = [Path(str(argument).rpartition("=")[2]) for argument in arguments]
    found = [path for path in named if path.suffix == ".csv" and path.is_file()]
    return list(dict.fromkeys([*found, *beside.get(stage, [])]))


def every_stage(out: Path, made: Path, config: Path) -> dict[str, list[object]]:
    """Give all command lines, each after those whose files it reads from `made`."""
    found = clips(out, made) | networks(out, made) | pictures(out, made)
    stages = {name: [*words, "--config", config] for name, words in found.items()}
    return stages | by_hand(out, made)
