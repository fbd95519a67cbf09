rule index:
    output:
        "results/manifest.csv",
    # The report is a log, because Snakemake removes the outputs of a failed job, and
    # this one must be there when the data set is refused.
    log:
        "results/logs/index.log",
        report="results/manifest_report.csv",
    benchmark:
        "results/benchmarks/index.tsv"
    # On a cluster its second of work stays where Snakemake runs.
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        config=PLAN.settings("index"),
        code=PLAN.code("index"),
        clips=PLAN.findings(),
        # Not all N: one that no clip is too short for changes nothing here.
        windows=PLAN.long_windows(),
    shell:
        "python -m microexpr index {output} --report {log.report} --windows {params.windows}"
        " --config {params.config:q} > {log[0]} 2>&1"


rule decode:
    input:
        # The rows of this shard are a parameter: one new clip elsewhere in the
        # manifest decodes nothing again.
        manifest=ancient("results/manifest.csv"),
        demo=branch(PLAN.config.data.kind == "demo", then="results/demo/{shard}.json"),
    output:
        temp("results/frames/{shard}.h5"),
    log:
        "results/logs/decode/{shard}.log",
    benchmark:
        "results/benchmarks/decode/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=PLAN.settings("decode"),
        code=PLAN.code("decode"),
        clips=lambda wildcards: PLAN.rows(wildcards.shard),
        subjects=lambda wildcards: PLAN.subjects(wildcards.shard),
    shell:
        "python -m microexpr decode {input.manifest} {output} --subjects {params.subjects:q}"
        " --threads {threads} --config {params.config:q} > {log} 2>&1"


rule demo:
    output:
        "results/demo/{shard}.json",
    log:
        "results/logs/demo/{shard}.log",
    benchmark:
        "results/benchmarks/demo/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=lambda wildcards: PLAN.demo_settings(wildcards.shard),
        code=PLAN.code("demo"),
        clips=lambda wildcards: PLAN.rows(wildcards.shard),
        subjects=lambda wildcards: PLAN.subjects(wildcards.shard),
        root=lambda wildcards: PLAN.config.data.root,
    shell:
        "python -m microexpr demo {params.root:q} --subjects {params.subjects:q}"
        " --done {output} --config {params.config:q} > {log} 2>&1"
