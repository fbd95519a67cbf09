rule crop:
    input:
        "results/frames/{shard}.h5",
    output:
        "results/faces/{shard}.h5",
    log:
        "results/logs/crop/{shard}.log",
    benchmark:
        "results/benchmarks/crop/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=PLAN.settings("crop"),
        code=PLAN.code("crop"),
    shell:
        "python -m microexpr crop {input} {output}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"
