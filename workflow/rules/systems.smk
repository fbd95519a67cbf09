# The compared systems, on the same crops and in the same folds. No part of results/table.csv.
SYSTEMS = PLAN.config.compare.systems


# The pipeline's own network reads cached features of the method none; the others, faces.
rule train_system:
    input:
        **read(
            caches=lambda wildcards: PLAN.caches_of_system(wildcards.system),
            folds=at.FOLDS,
        ),
        manifest=ancient(at.MANIFEST),
    output:
        **written(predictions=at.COMPARED),
    log:
        "results/logs/compare/{system}.log",
    benchmark:
        "results/benchmarks/compare/{system}.tsv"
    wildcard_constraints:
        system="|".join(SYSTEMS),
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=240,
    params:
        **job("train_system", system=lambda wildcards: wildcards.system),
        labels=PLAN.labels(),
    shell:
        command("train_system", system="{wildcards.system}")


rule tabulate_systems:
    input:
        **read(
            systems=expand(at.COMPARED, system=SYSTEMS),
            method=lambda wildcards: PLAN.compared_method(),
        ),
        manifest=ancient(at.MANIFEST),
    output:
        **written(table=captioned("comparison", at.COMPARISON)),
    log:
        "results/logs/comparison.log",
    benchmark:
        "results/benchmarks/comparison.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        **job("tabulate_systems"),
        labels=PLAN.labels(),
    shell:
        command("tabulate_systems")
