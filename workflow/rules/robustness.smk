# Folds and seeds drawn again, and errors of key frames. No part of results/table.csv.


# Folds of subjects of another draw.
use rule split as split_variant with:
    output:
        **written(folds=at.VARIANT_FOLDS),
    log:
        "results/logs/variants/{variant}/split.log",
    benchmark:
        "results/benchmarks/variants/{variant}/split.tsv"
    params:
        **job("split", variant=lambda wildcards: wildcards.variant),
        clips=PLAN.rows(),


# A compared system with wrong key frames.
use rule train_system as train_system_variant with:
    output:
        **written(predictions=at.VARIANT_SYSTEM, best_epoch=at.VARIANT_SYSTEM_BEST),
    log:
        "results/logs/variants/{variant}/train_system/{system}.log",
    benchmark:
        "results/benchmarks/variants/{variant}/train_system/{system}.tsv"
    params:
        **job(
            "train_system",
            system=lambda wildcards: wildcards.system,
            variant=lambda wildcards: wildcards.variant,
        ),
        labels=PLAN.labels(),
        method="{system}-{variant}",


rule tabulate_noise_floor:
    input:
        **read(predictions=lambda wildcards: PLAN.noise_floor()),
        manifest=ancient(at.MANIFEST),
    output:
        **written(table=captioned("noise_floor", at.NOISE_FLOOR)),
    log:
        "results/logs/tabulate_noise_floor.log",
    benchmark:
        "results/benchmarks/tabulate_noise_floor.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("tabulate_noise_floor"),
        labels=PLAN.labels(),
    shell:
        command("tabulate_noise_floor")


rule tabulate_key_frames:
    input:
        **read(predictions=lambda wildcards: PLAN.key_frames()),
        manifest=ancient(at.MANIFEST),
    output:
        **written(table="results/figures/key_frames.csv"),
        pdf="results/figures/key_frames.pdf",
        png=captioned("key_frames", at.KEY_FRAMES_FIGURE),
    log:
        "results/logs/tabulate_key_frames.log",
    benchmark:
        "results/benchmarks/tabulate_key_frames.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("tabulate_key_frames"),
        labels=PLAN.labels(),
    shell:
        command("tabulate_key_frames")
