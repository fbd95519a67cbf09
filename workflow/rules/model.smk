# One arm trained on everybody, for `microexpr predict`. No part of results/table.csv.
rule model:
    input:
        features=lambda wildcards: expand(
            "results/features/{backbone}/{arm}/{shard}.h5",
            backbone=BACKBONE,
            arm=PLAN.exported(),
            shard=SHARDS,
        ),
        metrics="results/metrics.csv",
    output:
        model="results/model/model.safetensors",
        config="results/model/config.json",
        provenance="results/model/provenance.json",
    log:
        "results/logs/model.log",
    benchmark:
        "results/benchmarks/model.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=240,
    params:
        config=PLAN.settings("model"),
        code=PLAN.code("model"),
        folder=subpath(output.model, parent=True),
    shell:
        "python -m microexpr model {input.features} --metrics {input.metrics}"
        " --output {params.folder} --threads {threads} --config {params.config:q} > {log} 2>&1"
