rule magnify:
    input:
        "results/faces/{shard}.h5",
    output:
        "results/magnified/{method}/{shard}.h5",
    log:
        "results/logs/magnify/{method}/{shard}.log",
    benchmark:
        "results/benchmarks/magnify/{method}/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        config=lambda wildcards: PLAN.settings("magnify", wildcards.method),
        code=PLAN.code("magnify"),
    shell:
        "python -m microexpr magnify {input} {output} --method {wildcards.method}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"
