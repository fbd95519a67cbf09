# How much data leakage inflates accuracy. No part of results/table.csv.
rule train_leak:
    input:
        **read(features=FEATURES),
        manifest=ancient(at.MANIFEST),
    output:
        **written(predictions=at.LEAK),
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
        **job("train_leak"),
        labels=PLAN.labels(),
    shell:
        command("train_leak", method="{wildcards.method}")


rule tabulate_leak:
    input:
        **read(predictions=expand(at.LEAK, method=PLAN.config.leak.methods)),
    output:
        **written(table="results/figures/leak.csv"),
        pdf="results/figures/leak.pdf",
        png=captioned("leak", at.LEAK_FIGURE),
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
        **job("tabulate_leak"),
    shell:
        command("tabulate_leak")
