# Where the networks look: results/gradcam. No part of results/table.csv.
OF_ALL = {"method": "all", "N": str(PLAN.config.explain.n)}
PICTURES = [
    *("regions", "shares", "classes", "control"),
    *(["pointing"] if PLAN.config.data.kind == "demo" else []),
    *(f"blocks/{method}_{clip}" for method in EXPLAINED for clip in SHOWN),
    *(f"backbone/{clip}" for clip in SHOWN),
]


# The table's own networks of one N, under the first feature mode and seed: trained once more, because
# their models are kept.
rule train_explained:
    input:
        folds=ancient("results/folds.csv"),
        manifest=ancient("results/manifest.csv"),
        features=ancient(FEATURES),
        state=[*contents(FEATURES), *seals(["results/folds.csv"])],
    output:
        predictions="results/gradcam/train/{method}/chunk{chunk}.csv",
        epochs="results/gradcam/train/{method}/chunk{chunk}.epochs.csv",
        seals=seals(
            [
                "results/gradcam/train/{method}/chunk{chunk}.csv",
                "results/gradcam/train/{method}/chunk{chunk}.epochs.csv",
            ]
        ),
        models=directory("results/gradcam/train/{method}/chunk{chunk}"),
    log:
        "results/logs/gradcam/train/{method}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/gradcam/train/{method}/chunk{chunk}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=240,
    params:
        config=PLAN.explained_training(),
        code=PLAN.code("train"),
        labels=PLAN.labels(),
        n=PLAN.config.explain.n,
    shell:
        "python -m microexpr train {input.features} --manifest {input.manifest}"
        " --folds {input.folds} --output {output.predictions}"
        " --method {wildcards.method} --n {params.n} --chunk {wildcards.chunk} --models {output.models}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"


rule gradcam:
    input:
        folds=ancient("results/folds.csv"),
        manifest=ancient("results/manifest.csv"),
        faces=ancient(FACES),
        images=ancient(seen_images),
        features=ancient(FEATURES),
        models=ancient(expand("results/gradcam/train/{{method}}/chunk{chunk}", chunk=CHUNKS)),
        state=lambda wildcards: [
            *contents(
                dict.fromkeys(
                    [
                        *FACES,
                        *seen_images(wildcards),
                        *expand(FEATURES, method=wildcards.method),
                    ]
                )
            ),
            *seals(
                [
                    "results/folds.csv",
                    *expand(
                        "results/gradcam/train/{method}/chunk{chunk}.csv",
                        method=wildcards.method,
                        chunk=CHUNKS,
                    ),
                ]
            ),
        ],
        # What really moves.
        demo=branch(
            PLAN.config.data.kind == "demo",
            then=expand("results/demo/{shard}.json", shard=SHARDS),
        ),
    output:
        maps="results/gradcam/{method}/maps.h5",
        clips="results/gradcam/{method}/clips.csv",
        seal="results/gradcam/{method}/clips.csv.sha256",
    log:
        "results/logs/gradcam/{method}.log",
    benchmark:
        "results/benchmarks/gradcam/{method}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=240,
    params:
        config=PLAN.settings("gradcam"),
        code=PLAN.code("gradcam"),
        labels=PLAN.labels(),
        clips=list(SHOWN),
        folder=subpath(output.maps, parent=True),
    shell:
        "python -m microexpr gradcam --faces {input.faces} --images {input.images}"
        " --features {input.features} --models {input.models}"
        " --manifest {input.manifest} --folds {input.folds}"
        " --output {params.folder} --clips {params.clips:q}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"


rule explain:
    input:
        manifest=ancient("results/manifest.csv"),
        # Written together with the tables beside them.
        maps=ancient(expand("results/gradcam/{method}/maps.h5", method=EXPLAINED)),
        clips=ancient(expand("results/gradcam/{method}/clips.csv", method=EXPLAINED)),
        state=seals(expand("results/gradcam/{method}/clips.csv", method=EXPLAINED)),
        # The frames of the clips that are shown.
        demo=branch(
            PLAN.config.data.kind == "demo",
            then=expand(
                "results/demo/{shard}.json", shard=sorted(set(SHOWN.values()))
            ),
        ),
    output:
        table=report(
            "results/gradcam/regions.csv",
            caption="../report/regions.rst",
            category="Grad-CAM",
            labels={"figure": "table of regions"} | OF_ALL,
        ),
        seal="results/gradcam/regions.csv.sha256",
        vectors=expand("results/gradcam/{name}.{kind}", name=PICTURES, kind=VECTORS),
        pictures=[
            report(
                f"results/gradcam/{name}.png",
                caption=f"../report/gradcam_{name.split('/')[0]}.rst",
                category="Grad-CAM",
                labels={"figure": name.split("/")[0]} | OF_ALL,
            )
            for name in PICTURES
            if "/" not in name
        ],
        backbone=[
            report(
                f"results/gradcam/backbone/{clip}.png",
                caption="../report/gradcam_backbone.rst",
                category="Grad-CAM of clips",
                labels={
                    "clip": clip,
                    "figure": "blocks before training",
                    "method": "none",
                },
            )
            for clip in SHOWN
        ],
        clips=[
            report(
                f"results/gradcam/{folder}/{method}_{clip}.{kind}",
                caption=f"../report/gradcam_{folder}.rst",
                category="Grad-CAM of clips",
                labels={"clip": clip, "figure": name, "method": method},
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
        mem_mb=1000,
        runtime=30,
    params:
        config=PLAN.settings("explain"),
        code=PLAN.code("explain"),
        rows=PLAN.rows(),
        clips=list(SHOWN),
        folder=subpath(output.table, parent=True),
    shell:
        "python -m microexpr explain {input.maps} --manifest {input.manifest}"
        " --folder {params.folder} --clips {params.clips:q} --config {params.config:q} > {log} 2>&1"
