rule magnify:
    input:
        "results/faces/{shard}.h5",
    output:
        "results/magnified/{arm}/{shard}.h5",
    log:
        "results/logs/magnify/{arm}/{shard}.log",
    benchmark:
        "results/benchmarks/magnify/{arm}/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        config=lambda wildcards: PLAN.settings("magnify", wildcards.arm),
        code=PLAN.code("magnify"),
        method=lambda wildcards: split_arm(wildcards.arm, PLAN.config)[0],
    shell:
        "python -m microexpr magnify {input} {output} --method {params.method}"
        " --device cpu --threads {threads} --config {params.config:q} > {log} 2>&1"
