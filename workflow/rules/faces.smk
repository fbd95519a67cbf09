rule crop:
    input:
        frames=ancient("results/frames/{shard}.h5"),
        content="results/frames/{shard}.h5.content",
    output:
        faces="results/faces/{shard}.h5",
        content="results/faces/{shard}.h5.content",
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
        "python -m microexpr crop {input.frames} {output.faces}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"
