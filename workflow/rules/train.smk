rule split:
    input:
        manifest=ancient("results/manifest.csv"),
    output:
        folds=report(
            "results/folds.csv",
            caption="../report/folds.rst",
            category="Protocol",
            labels={"table": "who is tested in which fold"},
        ),
        seal="results/folds.csv.sha256",
    log:
        "results/logs/split.log",
    benchmark:
        "results/benchmarks/split.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        config=PLAN.settings("split"),
        code=PLAN.code("split"),
        clips=PLAN.rows(),
    shell:
        "python -m microexpr split {input.manifest} {output.folds} --config {params.config:q} > {log} 2>&1"


rule train:
    input:
        folds=ancient("results/folds.csv"),
        # Subjects and labels are a parameter: a new time or frame in it trains nothing again.
        manifest=ancient("results/manifest.csv"),
        features=ancient(FEATURES),
        state=[*contents(FEATURES), *seals(["results/folds.csv"])],
    output:
        predictions="results/train/{method}/N{n}/chunk{chunk}.csv",
        epochs="results/train/{method}/N{n}/chunk{chunk}.epochs.csv",
        seals=seals(
            [
                "results/train/{method}/N{n}/chunk{chunk}.csv",
                "results/train/{method}/N{n}/chunk{chunk}.epochs.csv",
            ]
        ),
    log:
        "results/logs/train/{method}/N{n}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/train/{method}/N{n}/chunk{chunk}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=240,
    params:
        config=PLAN.settings("train"),
        code=PLAN.code("train"),
        labels=PLAN.labels(),
        method="{method}",
    shell:
        "python -m microexpr train {input.features} --manifest {input.manifest}"
        " --folds {input.folds} --output {output.predictions}"
        " --method {params.method} --n {wildcards.n} --chunk {wildcards.chunk}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"


# The same with some keys changed: rows of the ablation, and controls that are trained.
use rule train as train_variant with:
    input:
        folds=ancient("results/folds.csv"),
        manifest=ancient("results/manifest.csv"),
        features=ancient(variant_features),
        state=lambda wildcards: [
            *contents(variant_features(wildcards)),
            *seals(["results/folds.csv"]),
        ],
    output:
        predictions="results/variants/{variant}/train/{method}/N{n}/chunk{chunk}.csv",
        epochs="results/variants/{variant}/train/{method}/N{n}/chunk{chunk}.epochs.csv",
        seals=seals(
            [
                "results/variants/{variant}/train/{method}/N{n}/chunk{chunk}.csv",
                "results/variants/{variant}/train/{method}/N{n}/chunk{chunk}.epochs.csv",
            ]
        ),
    log:
        "results/logs/variants/{variant}/train/{method}/N{n}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/variants/{variant}/train/{method}/N{n}/chunk{chunk}.tsv"
    params:
        config=lambda wildcards: PLAN.settings("train", variant=wildcards.variant),
        code=lambda wildcards: PLAN.code("train", variant=wildcards.variant),
        labels=PLAN.labels(),
        method="{method}-{variant}",


# On inner folds of each fold's training part: to choose N and alpha.
rule inner:
    input:
        folds=ancient("results/folds.csv"),
        manifest=ancient("results/manifest.csv"),
        features=ancient(FEATURES),
        state=[*contents(FEATURES), *seals(["results/folds.csv"])],
    output:
        predictions="results/inner/{method}/N{n}/chunk{chunk}.csv",
        epochs="results/inner/{method}/N{n}/chunk{chunk}.epochs.csv",
        seals=seals(
            [
                "results/inner/{method}/N{n}/chunk{chunk}.csv",
                "results/inner/{method}/N{n}/chunk{chunk}.epochs.csv",
            ]
        ),
    log:
        "results/logs/inner/{method}/N{n}/chunk{chunk}.log",
    benchmark:
        "results/benchmarks/inner/{method}/N{n}/chunk{chunk}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=480,
    params:
        config=PLAN.settings("inner"),
        code=PLAN.code("inner"),
        labels=PLAN.labels(),
    shell:
        "python -m microexpr inner {input.features} --manifest {input.manifest}"
        " --folds {input.folds} --output {output.predictions}"
        " --method {wildcards.method} --n {wildcards.n} --chunk {wildcards.chunk}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"
