# What each part is worth. No part of results/table.csv.
rule ablation:
    input:
        unpack(lambda _: ablation_files()),
        manifest=ancient("results/manifest.csv"),
    output:
        table=report(
            "results/ablation.csv",
            caption="../report/ablation.rst",
            category="Ablation",
            labels={"table": "one factor at a time"},
        ),
        seal="results/ablation.csv.sha256",
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
        labels=PLAN.labels(),
        full="",
    shell:
        "python -m microexpr ablation {input.predictions} --manifest {input.manifest}"
        " --features {input.features} --output {output.table} {params.full}"
        " --config {params.config:q} > {log} 2>&1"


# All combinations of levels: an optional target.
use rule ablation as ablation_full with:
    input:
        unpack(lambda _: ablation_files(full=True)),
        manifest=ancient("results/manifest.csv"),
    output:
        table="results/ablation_full.csv",
        seal="results/ablation_full.csv.sha256",
    log:
        "results/logs/ablation_full.log",
    benchmark:
        "results/benchmarks/ablation_full.tsv"
    params:
        config=PLAN.settings("ablation"),
        code=PLAN.code("ablation"),
        labels=PLAN.labels(),
        full="--full",


rule leak:
    input:
        manifest=ancient("results/manifest.csv"),
        features=ancient(FEATURES),
        content=contents(FEATURES),
    output:
        table="results/leak/{method}.csv",
        seal="results/leak/{method}.csv.sha256",
    log:
        "results/logs/leak/{method}.log",
    benchmark:
        "results/benchmarks/leak/{method}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=480,
    params:
        config=PLAN.settings("leak"),
        code=PLAN.code("leak"),
        labels=PLAN.labels(),
    shell:
        "python -m microexpr leak {input.features} --manifest {input.manifest} --output {output.table}"
        " --method {wildcards.method} --threads {threads} --config {params.config:q} > {log} 2>&1"


LEAKS = expand("results/leak/{method}.csv", method=PLAN.config.leak.methods)


rule leak_plot:
    input:
        tables=ancient(LEAKS),
        state=seals(LEAKS),
    output:
        table="results/figures/leak.csv",
        seal="results/figures/leak.csv.sha256",
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
        "python -m microexpr leak_plot {input.tables} --output {output.table}"
        " --config {params.config:q} > {log} 2>&1"
