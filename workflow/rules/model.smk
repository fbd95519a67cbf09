# One method trained on everybody, for `microexpr predict`. No part of results/table.csv.
rule model:
    input:
        features=ancient(exported_features),
        manifest=ancient("results/manifest.csv"),
        metrics=ancient("results/metrics.csv"),
        state=lambda wildcards: [
            *contents(exported_features(wildcards)),
            *seals(["results/metrics.csv"]),
        ],
    output:
        model="results/model/model.safetensors",
        config="results/model/config.json",
        seal="results/model/config.json.sha256",
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
        labels=PLAN.labels(),
        folder=subpath(output.model, parent=True),
    shell:
        "python -m microexpr model {input.features} --manifest {input.manifest}"
        " --metrics {input.metrics} --output {params.folder} --threads {threads} --config {params.config:q} > {log} 2>&1"
