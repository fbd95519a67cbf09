rule magnify:
    input:
        faces=ancient("results/faces/{shard}.h5"),
        content="results/faces/{shard}.h5.content",
    output:
        magnified="results/magnified/{method}/{shard}.h5",
        content="results/magnified/{method}/{shard}.h5.content",
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
        # Another method's code changes nothing here.
        code=lambda wildcards: PLAN.code(
            "magnify", method=split_method(wildcards.method, PLAN.config)[0]
        ),
        method=lambda wildcards: split_method(wildcards.method, PLAN.config)[0],
    shell:
        "python -m microexpr magnify {input.faces} {output.magnified} --method {params.method}"
        " --device cpu --threads {threads} --config {params.config:q} > {log} 2>&1"
