# Which clips there are, and their frames.
rule index:
    output:
        **written(manifest=at.MANIFEST),
        record=at.INDEX,
    # The report is a log, because Snakemake removes the outputs of a failed job, and this one must
    # be there when the data set is refused.
    log:
        "results/logs/index.log",
        report=at.MANIFEST_REPORT,
        report_seal=seal(at.MANIFEST_REPORT),
    benchmark:
        "results/benchmarks/index.tsv"
    # On a cluster its second of work stays where Snakemake runs; videos, which it decodes once to
    # count their frames, take a few minutes per hour of film.
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        # When the data set or these change, the manifest is written anew before the first job:
        # were this job the cause, Snakemake would look at no other reason of what follows it.
        settings=Untracked(lambda: PLAN.settings("index").short()),
        key=Untracked(lambda: PLAN.index_key),
    shell:
        command("index", report="{log.report}", record="{output.record}", key="{params.key}")


onstart:
    PLAN.start()


# Snakemake runs no onstart of a module.
if not workflow.modifier.is_main_snakefile():
    workflow._onstart = lambda log, before=workflow._onstart: (before(log), PLAN.start())


rule demo:
    output:
        done=at.DEMO,
    log:
        "results/logs/demo/{shard}.log",
    benchmark:
        "results/benchmarks/demo/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("demo", shard=lambda wildcards: wildcards.shard),
        subjects=lambda wildcards: PLAN.subjects(wildcards.shard),
        root=lambda wildcards: PLAN.config.data.root,
    shell:
        command("demo", root="{params.root:q}", subjects="{params.subjects:q}")


rule decode:
    input:
        # The rows of this shard are a parameter: one new clip elsewhere in the manifest decodes
        # nothing again.
        manifest=ancient(at.MANIFEST),
        demo=branch(PLAN.config.data.kind == "demo", then=at.DEMO),
    output:
        **written(frames=temp(at.FRAMES)),
        record=at.SOURCES,
    log:
        "results/logs/decode/{shard}.log",
    benchmark:
        "results/benchmarks/decode/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("decode"),
        clips=lambda wildcards: PLAN.rows(wildcards.shard),
        subjects=lambda wildcards: PLAN.subjects(wildcards.shard),
        sources=lambda wildcards: PLAN.sources(wildcards.shard),
        root=Untracked(lambda: PLAN.config.data.root),  # the disk may be elsewhere
    shell:
        command(
            "decode",
            record="{output.record}",
            root="{params.root:q}",
            subjects="{params.subjects:q}",
            token="{params.sources}",
        )
