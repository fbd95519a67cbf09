rule features:
    input:
        # Method none: the faces as they are, without a copy of them.
        images=ancient(
            branch(
                lambda wildcards: wildcards.method == "none",
                then="results/faces/{shard}.h5",
                otherwise="results/magnified/{method}/{shard}.h5",
            )
        ),
        content=branch(
            lambda wildcards: wildcards.method == "none",
            then="results/faces/{shard}.h5.content",
            otherwise="results/magnified/{method}/{shard}.h5.content",
        ),
    output:
        features="results/features/{network}/{method}/{shard}.h5",
        content="results/features/{network}/{method}/{shard}.h5.content",
    log:
        "results/logs/features/{network}/{method}/{shard}.log",
    benchmark:
        "results/benchmarks/features/{network}/{method}/{shard}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=60,
    params:
        config=lambda wildcards: PLAN.feature_settings(wildcards.network),
        code=lambda wildcards: PLAN.feature_code(wildcards.network),
        weights=lambda wildcards: PLAN.weights(wildcards.network),
    shell:
        "python -m microexpr features {input.images} {output.features}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"


rule caches:
    input:
        expand(
            "results/features/{backbone}/{method}/{shard}.h5",
            backbone=BACKBONE,
            method=METHODS,
            shard=SHARDS,
        ),
