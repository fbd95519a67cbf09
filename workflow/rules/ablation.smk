# What each part is worth. No part of results/table.csv.
rule ablation:
    input:
        unpack(lambda _: PLAN.ablation_files()),
        manifest="results/manifest.csv",
    output:
        report(
            "results/ablation.csv",
            caption="../report/ablation.rst",
            category="Ablation",
            labels={"table": "one factor at a time"},
        ),
    log:
        "results/logs/ablation.log",
    benchmark:
        "results/benchmarks/ablation.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=PLAN.settings("ablation"),
        code=PLAN.code("ablation"),
        full="",
    shell:
        "python -m microexpr ablation {input.predictions} --manifest {input.manifest}"
        " --features {input.features} --output {output} {params.full}"
        " --config {params.config:q} > {log} 2>&1"


# All combinations of levels: an optional target.
use rule ablation as ablation_full with:
    input:
        unpack(lambda _: PLAN.ablation_files(full=True)),
        manifest="results/manifest.csv",
    output:
        "results/ablation_full.csv",
    log:
        "results/logs/ablation_full.log",
    benchmark:
        "results/benchmarks/ablation_full.tsv"
    params:
        config=PLAN.settings("ablation"),
        code=PLAN.code("ablation"),
        full="--full",


rule leak:
    input:
        features=expand(
            "results/features/{backbone}/{{arm}}/{shard}.h5",
            backbone=BACKBONE,
            shard=SHARDS,
        ),
    output:
        "results/leak/{arm}.csv",
    log:
        "results/logs/leak/{arm}.log",
    benchmark:
        "results/benchmarks/leak/{arm}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=480,
    params:
        config=PLAN.settings("leak"),
        code=PLAN.code("leak"),
    shell:
        "python -m microexpr leak {input.features} --output {output} --method {wildcards.arm}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"


rule leak_plot:
    input:
        expand("results/leak/{method}.csv", method=PLAN.config.leak.methods),
    output:
        table="results/figures/leak.csv",
        pdf="results/figures/leak.pdf",
        png=report(
            "results/figures/leak.png",
            caption="../report/leak.rst",
            category="Protocol",
            labels={"table": "what a leak feigns"},
        ),
    log:
        "results/logs/leak_plot.log",
    benchmark:
        "results/benchmarks/leak_plot.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=PLAN.settings("leak_plot"),
        code=PLAN.code("leak_plot"),
    shell:
        "python -m microexpr leak_plot {input} --output {output.table}"
        " --config {params.config:q} > {log} 2>&1"
