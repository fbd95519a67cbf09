# Where the networks look: results/gradcam. No part of results/table.csv.
SHEETS = [
    *("regions", "shares", "classes", "control"),
    *(["pointing"] if PLAN.config.data.kind == "demo" else []),
]
OF_CLIPS = [
    *(f"blocks/{method}_{clip}" for method in EXPLAINED for clip in SHOWN),
    *(f"backbone/{clip}" for clip in SHOWN),
]


# The table's own networks of one N, under the first feature mode and seed: trained once more,
# because their models are kept.
rule train_explained:
    input:
        **read(features=FEATURES, folds=at.FOLDS),
        manifest=ancient(at.MANIFEST),
    output:
        **written(predictions=at.EXPLAINED, epochs=at.epochs(at.EXPLAINED)),
        models=directory(at.EXPLAINED_MODELS),
    log:
        "results/logs/gradcam/train/{method}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/gradcam/train/{method}/chunk{chunk}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        **TRAINING,
    params:
        **job("train", explained=True),
        labels=PLAN.labels(),
        n=PLAN.config.explain.n,
    shell:
        command(
            "train",
            models="{output.models}",
            method="{wildcards.method}",
            n="{params.n}",
            chunk="{wildcards.chunk}",
        )


rule gradcam:
    input:
        **read(
            faces=expand(at.FACES, shard=SHARDS),
            images=lambda wildcards: expand(
                at.seen(wildcards.method), shard=SHARDS, allow_missing=True
            ),
            features=FEATURES,
            folds=at.FOLDS,
            trained=expand(at.EXPLAINED, chunk=CHUNKS, allow_missing=True),
        ),
        models=ancient(expand(at.EXPLAINED_MODELS, chunk=CHUNKS, allow_missing=True)),
        manifest=ancient(at.MANIFEST),
        demo=drawn(SHARDS),
    output:
        **written(clips=at.EXPLAINED_CLIPS),
        maps=at.MAPS,
    log:
        "results/logs/gradcam/{method}.log",
    benchmark:
        "results/benchmarks/gradcam/{method}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        **TRAINING,
    params:
        **job("gradcam"),
        labels=PLAN.labels(),
        clips=list(SHOWN),
        folder=subpath(output.maps, parent=True),
    shell:
        command("gradcam", folder="{params.folder}", clips="{params.clips:q}")


rule explain:
    input:
        # The maps are written together with the tables beside them.
        **read(clips=expand(at.EXPLAINED_CLIPS, method=EXPLAINED)),
        maps=ancient(expand(at.MAPS, method=EXPLAINED)),
        manifest=ancient(at.MANIFEST),
        demo=drawn(sorted(set(SHOWN.values()))),
    output:
        **written(table=captioned("regions", at.REGIONS)),
        vectors=vectors(*SHEETS, *OF_CLIPS, folder="results/gradcam"),
        sheets=[captioned(f"gradcam_{name}", f"results/gradcam/{name}.png") for name in SHEETS],
        backbone=[
            captioned("gradcam_backbone", f"results/gradcam/backbone/{clip}.png", clip=clip)
            for clip in SHOWN
        ],
        clips=[
            captioned(
                f"gradcam_{folder}",
                f"results/gradcam/{folder}/{method}_{clip}.{kind}",
                clip=clip,
                figure=name,
                method=method,
            )
            for clip in SHOWN
            for method in EXPLAINED
            for folder, kind, name in (
                ("blocks", "png", "blocks over time"),
                ("overlay", "png", "overlay, frames"),
                ("overlay", "mp4", "overlay, video"),
            )
        ],
    log:
        "results/logs/explain.log",
    benchmark:
        "results/benchmarks/explain.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("explain"),
        rows=PLAN.rows(),
        shown=list(SHOWN),
        folder=subpath(output.table, parent=True),
    shell:
        command("explain", folder="{params.folder}", shown="{params.shown:q}")
