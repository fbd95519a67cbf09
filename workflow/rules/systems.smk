# The compared systems, on the same crops and in the same folds. No part of results/table.csv.
SYSTEMS = PLAN.config.compare.systems


# The pipeline's own network reads cached features of the method none; the others, faces.
rule train_system:
    input:
        **read(caches=lambda wildcards: PLAN.caches_of_system(wildcards.system), folds=at.FOLDS),
        manifest=ancient(at.MANIFEST),
    output:
        **written(predictions=at.COMPARED, best_epoch=at.COMPARED_BEST_EPOCH),
    log:
        "results/logs/train_system/{system}.log",
    benchmark:
        "results/benchmarks/train_system/{system}.tsv"
    wildcard_constraints:
        system="|".join(SYSTEMS),
    conda:
        "../../envs/gpu.yaml"
    resources:
        **TRAINING,
    params:
        **job("train_system", system=lambda wildcards: wildcards.system),
        labels=PLAN.labels(),
        method="{system}",
    shell:
        command("train_system", system="{wildcards.system}", method="{params.method}")


rule tabulate_systems:
    input:
        **read(
            systems=expand(at.COMPARED, system=SYSTEMS),
            method=lambda wildcards: PLAN.compared_method(),
            best_epoch=lambda wildcards: PLAN.compared_best_epoch(),
        ),
        manifest=ancient(at.MANIFEST),
    output:
        **written(table=captioned("comparison", at.COMPARISON)),
    log:
        "results/logs/tabulate_systems.log",
    benchmark:
        "results/benchmarks/tabulate_systems.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("tabulate_systems"),
        labels=PLAN.labels(),
    shell:
        command("tabulate_systems")
