from microexpr import baselines

# The systems of other authors on the same crops and folds. No part of results/table.csv.
SYSTEMS = PLAN.config.compare.systems
AGAINST = PLAN.config.compare.against


def own_network(system):
    """Whether a system is this pipeline's own network, on cached features of arm none."""
    return system == baselines.OWN_NETWORK


def caches_of(wildcards):
    """What a system sees: faces, or features of faces as they are."""
    if not own_network(wildcards.system):
        return expand("results/faces/{shard}.h5", shard=SHARDS)
    if "none" not in METHODS:
        raise WorkflowError(
            f"compare.systems: {wildcards.system} needs the arm none in magnify.methods"
        )
    return expand(
        "results/features/{backbone}/none/{shard}.h5", backbone=BACKBONE, shard=SHARDS
    )


def arm(_):
    """The predictions of the arm that the systems are compared with."""
    if AGAINST.method not in METHODS:
        raise WorkflowError(
            f"compare.against: {AGAINST.method} is not in magnify.methods"
        )
    return expand(
        "results/train/{method}/N{n}/part{part}.csv",
        method=AGAINST.method,
        n=AGAINST.n,
        part=PARTS,
    )


rule compare:
    input:
        folds="results/folds.csv",
        caches=caches_of,
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
            "compare_own" if own_network(wildcards.system) else "compare"
        ),
        code=lambda wildcards: baselines.code(wildcards.system),
    shell:
        "python -m microexpr compare {input.caches} --folds {input.folds} --output {output}"
        " --system {wildcards.system} --threads {threads} --config {params.config:q} > {log} 2>&1"


rule comparison:
    input:
        manifest="results/manifest.csv",
        arm=arm,
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
