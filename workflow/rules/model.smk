# One method trained on all clips, for `microexpr predict`. No part of results/table.csv.
rule model:
    input:
        **read(
            features=lambda wildcards: expand(FEATURES, method=PLAN.exported()),
            metrics=at.METRICS,
        ),
        manifest=ancient(at.MANIFEST),
    output:
        **written(config="results/model/config.json"),
        model=at.MODEL,
        provenance="results/model/provenance.json",
    log:
        "results/logs/model.log",
    benchmark:
        "results/benchmarks/model.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        **TRAINING,
    params:
        **job("model"),
        labels=PLAN.labels(),
        folder=subpath(output.model, parent=True),
    shell:
        command("model", model="{params.folder}")
