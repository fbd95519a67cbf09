# What each component is worth: one factor changed at a time. No part of results/table.csv.
rule tabulate_ablation:
    input:
        **read(
            predictions=lambda wildcards: PLAN.ablation_predictions(),
            features=lambda wildcards: PLAN.ablation_features(),
        ),
        manifest=ancient(at.MANIFEST),
    output:
        **written(table=captioned("ablation", at.ABLATION)),
    log:
        "results/logs/tabulate_ablation.log",
    benchmark:
        "results/benchmarks/tabulate_ablation.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("tabulate_ablation"),
        labels=PLAN.labels(),
        full="",
    shell:
        command("tabulate_ablation", "{params.full}")


# All combinations of levels: an optional target.
use rule tabulate_ablation as tabulate_ablation_full with:
    input:
        **read(
            predictions=lambda wildcards: PLAN.ablation_predictions(full=True),
            features=lambda wildcards: PLAN.ablation_features(full=True),
        ),
        manifest=ancient(at.MANIFEST),
    output:
        **written(table=at.ABLATION_FULL),
    log:
        "results/logs/tabulate_ablation_full.log",
    benchmark:
        "results/benchmarks/tabulate_ablation_full.tsv"
    params:
        **job("tabulate_ablation"),
        labels=PLAN.labels(),
        full="--full",
