rule split:
    input:
        "results/manifest.csv",
    output:
        report(
            "results/folds.csv",
            caption="../report/folds.rst",
            category="Protocol",
            labels={"table": "who is tested in which fold"},
        ),
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
    shell:
        "python -m microexpr split {input} {output} --config {params.config:q} > {log} 2>&1"


rule train:
    input:
        folds="results/folds.csv",
        features=expand(
            "results/features/{backbone}/{{arm}}/{shard}.h5",
            backbone=BACKBONE,
            shard=SHARDS,
        ),
    output:
        predictions="results/train/{arm}/N{n}/part{part}.csv",
        epochs="results/train/{arm}/N{n}/part{part}.epochs.csv",
    log:
        "results/logs/train/{arm}/N{n}/part{part}.log",
    benchmark:
        "results/benchmarks/train/{arm}/N{n}/part{part}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=240,
    params:
        config=PLAN.settings("train"),
        code=PLAN.code("train"),
        method="{arm}",
    shell:
        "python -m microexpr train {input.features} --folds {input.folds} --output {output.predictions}"
        " --method {params.method} --n {wildcards.n} --part {wildcards.part}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"


# The same with some keys changed: rows of the ablation, and controls that are trained.
use rule train as train_variant with:
    input:
        folds="results/folds.csv",
        features=lambda wildcards: expand(
            "results/features/{network}/{arm}/{shard}.h5",
            network=PLAN.network(wildcards.variant),
            arm=wildcards.arm,
            shard=SHARDS,
        ),
    output:
        predictions="results/variants/{variant}/train/{arm}/N{n}/part{part}.csv",
        epochs="results/variants/{variant}/train/{arm}/N{n}/part{part}.epochs.csv",
    log:
        "results/logs/variants/{variant}/train/{arm}/N{n}/part{part}.log",
    benchmark:
        "results/benchmarks/variants/{variant}/train/{arm}/N{n}/part{part}.tsv"
    params:
        config=lambda wildcards: PLAN.settings("train", variant=wildcards.variant),
        code=PLAN.code("train"),
        method="{arm}-{variant}",


# On inner folds of each fold's training part: to choose N and alpha.
rule inner:
    input:
        folds="results/folds.csv",
        features=rules.train.input.features,
    output:
        predictions="results/inner/{arm}/N{n}/part{part}.csv",
        epochs="results/inner/{arm}/N{n}/part{part}.epochs.csv",
    log:
        "results/logs/inner/{arm}/N{n}/part{part}.log",
    benchmark:
        "results/benchmarks/inner/{arm}/N{n}/part{part}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=480,
    params:
        config=PLAN.settings("inner"),
        code=PLAN.code("inner"),
    shell:
        "python -m microexpr inner {input.features} --folds {input.folds} --output {output.predictions}"
        " --method {wildcards.arm} --n {wildcards.n} --part {wildcards.part}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"
