# Pictures of a run: results/figures. No part of results/table.csv.
MAGNIFYING = [method for method in METHODS if method != "none"]
CELLS = [(method, n) for method in METHODS for n in LENGTHS]


rule table_figures:
    input:
        **read(
            metrics=at.METRICS,
            predictions=at.PREDICTIONS,
            confusion=at.CONFUSION,
            epochs=[at.epochs(file) for file in TRAINED],
        ),
    output:
        vectors=vectors(
            *("accuracy", "recall", "subjects"),
            *(f"{name}_{m}_N{n}" for name in ("confusion", "training") for m, n in CELLS),
        ),
        accuracy=captioned("accuracy", figure("accuracy")),
        recall=captioned("recall", figure("recall")),
        subjects=captioned("subjects", figure("subjects")),
        confusion=of_cells("confusion", CELLS),
        training=of_cells("training", CELLS),
    log:
        "results/logs/figures.log",
    benchmark:
        "results/benchmarks/figures.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("figures"),
        folder=subpath(output.accuracy, parent=True),
    shell:
        command("figures", folder="{params.folder}")


# Needs the crops only: a bad one is seen before anything is trained.
rule quality:
    input:
        **read(faces=expand(at.FACES, shard=SHARDS)),
    output:
        vectors=vectors("windows", *(f"crops_{page}" for page in PLAN.crop_pages)),
        windows=captioned("windows", figure("windows")),
        crops=[
            captioned("crops", figure(f"crops_{page}"), figure=f"crops, page {page}")
            for page in PLAN.crop_pages
        ],
    log:
        "results/logs/quality.log",
    benchmark:
        "results/benchmarks/quality.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("quality"),
        folder=subpath(output.windows, parent=True),
    shell:
        command("quality", folder="{params.folder}")


rule embedding:
    input:
        **read(features=FEATURES),
        manifest=ancient(at.MANIFEST),
    output:
        vectors=vectors("tsne_{method}"),
        png=captioned("tsne", figure("tsne_{method}"), method="{method}"),
    log:
        "results/logs/embedding/{method}.log",
    benchmark:
        "results/benchmarks/embedding/{method}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        **job("embedding"),
        labels=PLAN.labels(),
        stem=subpath(output.png, strip_suffix=".png"),
    shell:
        command("embedding", method="{wildcards.method}", stem="{params.stem}")


rule motion:
    input:
        **read(
            faces=lambda wildcards: at.each(at.FACES, shard=SHOWN[wildcards.clip]),
            magnified=lambda wildcards: at.each(
                at.MAGNIFIED, method=MAGNIFYING, shard=SHOWN[wildcards.clip]
            ),
        ),
        manifest=ancient(at.MANIFEST),
    output:
        vectors=vectors("slices_{clip}"),
        slices=captioned("slices", figure("slices_{clip}"), clip="{clip}"),
        video=captioned("motion", "results/figures/motion_{clip}.mp4", clip="{clip}"),
    log:
        "results/logs/motion/{clip}.log",
    benchmark:
        "results/benchmarks/motion/{clip}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("motion"),
        label=lambda wildcards: PLAN.labels(wildcards.clip),
        folder=subpath(output.video, parent=True),
    shell:
        command(
            "motion",
            magnified="{input.magnified}",
            clip="{wildcards.clip}",
            folder="{params.folder}",
        )


rule figures:
    input:
        rules.table_figures.output,
        rules.quality.output,
        expand("results/figures/tsne_{method}.png", method=METHODS),
        expand("results/figures/motion_{clip}.mp4", clip=SHOWN),
        expand("results/pages/figures/motion_{clip}.video.html", clip=SHOWN),
