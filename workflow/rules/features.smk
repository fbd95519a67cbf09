rule features:
    input:
        # Method none: the faces as they are, without a copy of them.
        branch(
            lambda wildcards: wildcards.arm == "none",
            then="results/faces/{shard}.h5",
            otherwise="results/magnified/{arm}/{shard}.h5",
        ),
    output:
        "results/features/{network}/{arm}/{shard}.h5",
    log:
        "results/logs/features/{network}/{arm}/{shard}.log",
    benchmark:
        "results/benchmarks/features/{network}/{arm}/{shard}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=60,
    params:
        config=lambda wildcards: PLAN.feature_settings(wildcards.network),
        code=PLAN.code("features"),
        weights=lambda wildcards: PLAN.weights(wildcards.network),
    shell:
        "python -m microexpr features {input} {output}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"


rule caches:
    input:
        expand(
            "results/features/{backbone}/{method}/{shard}.h5",
            backbone=BACKBONE,
            method=METHODS,
            shard=SHARDS,
        ),
