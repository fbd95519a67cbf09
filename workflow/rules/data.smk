rule index:
    output:
        manifest="results/manifest.csv",
        seal="results/manifest.csv.sha256",
        record="results/index.json",
    # The report is a log, because Snakemake removes the outputs of a failed job, and
    # this one must be there when the data set is refused.
    log:
        "results/logs/index.log",
        report="results/manifest_report.csv",
        report_seal="results/manifest_report.csv.sha256",
    benchmark:
        "results/benchmarks/index.tsv"
    # On a cluster its second of work stays where Snakemake runs; videos, which it decodes
    # once to count their frames, take a few minutes an hour of film.
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        # When the data set or these change, the manifest is written anew before the
        # first job: were this job the cause, Snakemake would look at no other reason
        # of what follows it.
        options=Untracked(PLAN.index_options),
    shell:
        "python -m microexpr index {output.manifest} --report {log.report} --record {output.record}"
        " {params.options} > {log[0]} 2>&1"


onstart:
    PLAN.start()


# Snakemake runs no onstart of a module.
if not workflow.modifier.is_main_snakefile():
    workflow._onstart = also_start(workflow._onstart)


rule decode:
    input:
        # The rows of this shard are a parameter: one new clip elsewhere in the
        # manifest decodes nothing again.
        manifest=ancient("results/manifest.csv"),
        demo=branch(PLAN.config.data.kind == "demo", then="results/demo/{shard}.json"),
    output:
        frames=temp("results/frames/{shard}.h5"),
        content="results/frames/{shard}.h5.content",
        record="results/sources/{shard}.json",
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
        code=lambda wildcards: PLAN.code("decode"),
        clips=lambda wildcards: PLAN.rows(wildcards.shard),
        subjects=lambda wildcards: PLAN.subjects(wildcards.shard),
        sources=lambda wildcards: PLAN.sources(wildcards.shard),
        root=Untracked(lambda: PLAN.config.data.root),  # the disk may be elsewhere
    shell:
        "python -m microexpr decode {input.manifest} {output.frames} --record {output.record}"
        " --root {params.root:q} --token {params.sources} --subjects {params.subjects:q}"
        " --threads {threads} > {log} 2>&1"


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
        subjects=lambda wildcards: PLAN.subjects(wildcards.shard),
        root=lambda wildcards: PLAN.config.data.root,
    shell:
        "python -m microexpr demo {params.root:q} --subjects {params.subjects:q}"
        " --done {output} --config {params.config:q} > {log} 2>&1"
