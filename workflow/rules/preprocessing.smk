# From frames to what training reads: one transform per clip, motion, features of each frame.
rule crop:
    input:
        **read(frames=at.FRAMES),
    output:
        **written(faces=at.FACES),
    log:
        "results/logs/crop/{shard}.log",
    benchmark:
        "results/benchmarks/crop/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("crop"),
    shell:
        command("crop")


rule magnify:
    input:
        **read(faces=at.FACES),
    output:
        **written(magnified=at.MAGNIFIED),
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
        **job("magnify", method=lambda wildcards: wildcards.method),
        method=lambda wildcards: PLAN.split_method(wildcards.method)[0],
    shell:
        command("magnify", method="{params.method}", device="cpu")


rule features:
    input:
        # Method none: the faces as they are, without a copy of them.
        **read(images=lambda wildcards: at.seen(wildcards.method)),
    output:
        **written(features=at.FEATURES),
    log:
        "results/logs/features/{network}/{method}/{shard}.log",
    benchmark:
        "results/benchmarks/features/{network}/{method}/{shard}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=60,
    params:
        **job("features", network=lambda wildcards: wildcards.network),
        weights=lambda wildcards: PLAN.weights(wildcards.network),
    shell:
        command("features")


rule caches:
    input:
        expand(at.FEATURES, network=NETWORK, method=METHODS, shard=SHARDS),
