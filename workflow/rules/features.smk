rule features:
    input:
        # Method none: the faces as they are, without a copy of them.
        branch(
            lambda wildcards: wildcards.method == "none",
            then="results/faces/{shard}.h5",
            otherwise="results/magnified/{method}/{shard}.h5",
        ),
    output:
        f"results/features/{BACKBONE}/{{method}}/{{shard}}.h5",
    log:
        f"results/logs/features/{BACKBONE}/{{method}}/{{shard}}.log",
    benchmark:
        f"results/benchmarks/features/{BACKBONE}/{{method}}/{{shard}}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=60,
    params:
        config=PLAN.settings("features"),
        code=PLAN.code("features"),
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
