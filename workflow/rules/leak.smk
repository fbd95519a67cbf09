# How much data leakage inflates accuracy. No part of results/table.csv.
rule train_leak:
    input:
        **read(features=FEATURES),
        manifest=ancient(at.MANIFEST),
    output:
        **written(predictions=at.LEAK),
    log:
        "results/logs/train_leak/{method}.log",
    benchmark:
        "results/benchmarks/train_leak/{method}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        **TRAINING | {"runtime": 480},
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
        "results/logs/tabulate_leak.log",
    benchmark:
        "results/benchmarks/tabulate_leak.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("tabulate_leak"),
    shell:
        command("tabulate_leak")
