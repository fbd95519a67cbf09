from microexpr import baselines

# The systems of other authors on the same crops and folds. No part of results/table.csv.
SYSTEMS = PLAN.config.compare.systems
AGAINST = PLAN.config.compare.against


rule compare:
    input:
        folds="results/folds.csv",
        # The pipeline's own network sees cached features of the arm none; the others, faces.
        caches=branch(
            lambda wildcards: wildcards.system == baselines.OWN_NETWORK,
            then=lambda wildcards: expand(
                "results/features/{backbone}/{method}/{shard}.h5",
                backbone=BACKBONE,
                method=PLAN.arm("none", "compare.systems"),
                shard=SHARDS,
            ),
            otherwise=expand("results/faces/{shard}.h5", shard=SHARDS),
        ),
    output:
        "results/compare/{system}.csv",
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
        config=lambda wildcards: PLAN.settings(
            "compare_own" if wildcards.system == baselines.OWN_NETWORK else "compare"
        ),
        code=lambda wildcards: baselines.code(wildcards.system),
    shell:
        "python -m microexpr compare {input.caches} --folds {input.folds} --output {output}"
        " --system {wildcards.system} --threads {threads} --config {params.config:q} > {log} 2>&1"


rule comparison:
    input:
        manifest="results/manifest.csv",
        arm=lambda wildcards: expand(
            "results/train/{method}/N{n}/part{part}.csv",
            method=PLAN.arm(AGAINST.method, "compare.against"),
            n=AGAINST.n,
            part=PARTS,
        ),
        systems=expand("results/compare/{system}.csv", system=SYSTEMS),
    output:
        report(
            "results/comparison.csv",
            caption="../report/comparison.rst",
            category="Comparison",
            labels={"table": "systems of other authors"},
        ),
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
        config=PLAN.settings("comparison"),
        code=PLAN.code("comparison"),
    shell:
        "python -m microexpr comparison {input.systems} {input.arm} --manifest {input.manifest}"
        " --output {output} --config {params.config:q} > {log} 2>&1"
