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
            "results/features/{backbone}/{{method}}/{shard}.h5",
            backbone=BACKBONE,
            shard=SHARDS,
        ),
    output:
        predictions="results/train/{method}/N{n}/part{part}.csv",
        epochs="results/train/{method}/N{n}/part{part}.epochs.csv",
    log:
        "results/logs/train/{method}/N{n}/part{part}.log",
    benchmark:
        "results/benchmarks/train/{method}/N{n}/part{part}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=240,
    params:
        config=PLAN.settings("train"),
        code=PLAN.code("train"),
    shell:
        "python -m microexpr train {input.features} --folds {input.folds} --output {output.predictions}"
        " --method {wildcards.method} --n {wildcards.n} --part {wildcards.part}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"
