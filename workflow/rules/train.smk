# Which clips are tested in which fold, and training on the others.
# Of the network of the table, all shards of a method.
FEATURES = expand(at.FEATURES, network=NETWORK, shard=SHARDS, allow_missing=True)


rule split:
    input:
        **(read(fold_list=PLAN.config.protocol.file) if PLAN.config.protocol.file else {}),
        manifest=ancient(at.MANIFEST),
        # A clip that is decoded twice, under two names, would be in training and in test.
        sources=expand(at.SOURCES, shard=SHARDS),
    output:
        **written(folds=captioned("folds", at.FOLDS)),
    log:
        "results/logs/split.log",
    benchmark:
        "results/benchmarks/split.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        **job("split"),
        clips=PLAN.rows(),
    shell:
        command("split", sources="{input.sources}")


rule train:
    input:
        **read(features=FEATURES, folds=at.FOLDS),
        # Subjects and labels are a parameter: a new time or frame in it trains nothing again.
        manifest=ancient(at.MANIFEST),
    output:
        **written(predictions=at.TRAINED, epochs=at.epochs(at.TRAINED)),
    log:
        "results/logs/train/{method}/N{n}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/train/{method}/N{n}/chunk{chunk}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        **TRAINING,
    params:
        **job("train"),
        labels=PLAN.labels(),
        method="{method}",
        inner="",
    shell:
        command(
            "train",
            "{params.inner}",
            method="{params.method}",
            n="{wildcards.n}",
            chunk="{wildcards.chunk}",
        )


# The same with some keys changed: rows of the ablation, and controls that are trained.
use rule train as train_variant with:
    input:
        **read(
            features=lambda wildcards: features_of(wildcards.variant, wildcards.method),
            folds=lambda wildcards: PLAN.folds(wildcards.variant),
        ),
        manifest=ancient(at.MANIFEST),
    output:
        **written(predictions=at.VARIANT, epochs=at.epochs(at.VARIANT)),
    log:
        "results/logs/variants/{variant}/train/{method}/N{n}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/variants/{variant}/train/{method}/N{n}/chunk{chunk}.tsv"
    params:
        **job("train", variant=lambda wildcards: wildcards.variant),
        labels=PLAN.labels(),
        method="{method}-{variant}",
        inner="",


# On inner folds of each fold's training part: to choose N and alpha.
use rule train as inner with:
    output:
        **written(predictions=at.INNER, epochs=at.epochs(at.INNER)),
    log:
        "results/logs/inner/{method}/N{n}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/inner/{method}/N{n}/chunk{chunk}.tsv"
    resources:
        **TRAINING | {"runtime": 480},
    params:
        **job("train", inner=True),
        labels=PLAN.labels(),
        method="{method}",
        inner="--inner",
