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


# All N in one job: importing and reading take as long as training one of them.
OF_EACH_N = expand(at.TRAINED, n=LENGTHS, allow_missing=True)
OTHER_N = at.TRAINED.replace("{n}", f"{{n,(?!(?:{'|'.join(map(str, LENGTHS))})/)\\d+}}")
ON_INNER = expand(at.INNER, n=LENGTHS, allow_missing=True)
# Without controls the rule stands, for profiles to name, and nobody asks for its file.
NONE = expand(at.VARIANT, variant=min(CONTROLS), n=0, allow_missing=True)
OF_CONTROLS = PLAN.trained_controls() or NONE


rule train:
    input:
        **read(features=FEATURES, folds=at.FOLDS),
        # Subjects and labels are a parameter: a new time or frame in it trains nothing again.
        manifest=ancient(at.MANIFEST),
    output:
        **written(predictions=OF_EACH_N, epochs=[at.epochs(file) for file in OF_EACH_N]),
    log:
        "results/logs/train/{method}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/train/{method}/chunk{chunk}.tsv"
    # The longest jobs of a table: at its end no core waits for one of them.
    priority: 1
    conda:
        "../../envs/gpu.yaml"
    resources:
        **TRAINING,
    params:
        **job("train"),
        labels=PLAN.labels(),
        method="{method}",
        n=Untracked(lambda: " ".join(map(str, LENGTHS))),  # fewer of them train nothing again
        inner="",
    shell:
        command(
            "train",
            "{params.inner}",
            method="{params.method}",
            n="{params.n}",
            chunk="{wildcards.chunk}",
        )


# An N that table.csv does not show: some study asks for it.
use rule train as train_other_n with:
    output:
        **written(predictions=OTHER_N, epochs=at.epochs(OTHER_N)),
    log:
        "results/logs/train/{method}/N{n}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/train/{method}/N{n}/chunk{chunk}.tsv"
    params:
        **job("train"),
        labels=PLAN.labels(),
        method="{method}",
        n="{n}",
        inner="",


# The same with some keys changed, for one N: rows of the ablation and of other studies.
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
        n="{n}",
        inner="",


# On inner folds of each fold's training part: to choose N and alpha.
use rule train as inner with:
    output:
        **written(predictions=ON_INNER, epochs=[at.epochs(file) for file in ON_INNER]),
    log:
        "results/logs/inner/{method}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/inner/{method}/chunk{chunk}.tsv"
    resources:
        **TRAINING | {"runtime": 480},
    params:
        **job("train", inner=True),
        labels=PLAN.labels(),
        method="{method}",
        n=Untracked(lambda: " ".join(map(str, LENGTHS))),
        inner="--inner",


# Controls that are trained beside each method: all of them in one job, for the same reason.
rule train_controls:
    input:
        **read(features=FEATURES, folds=at.FOLDS),
        manifest=ancient(at.MANIFEST),
    output:
        **written(predictions=OF_CONTROLS, epochs=[at.epochs(file) for file in OF_CONTROLS]),
    log:
        "results/logs/train_controls/{method}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/train_controls/{method}/chunk{chunk}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        **TRAINING,
    params:
        **job("train_controls"),
        labels=PLAN.labels(),
        n=PLAN.config.ablation.n,
    shell:
        command(
            "train_controls",
            method="{wildcards.method}",
            n="{params.n}",
            chunk="{wildcards.chunk}",
        )
