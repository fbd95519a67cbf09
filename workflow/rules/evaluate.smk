TABLE = expand(
    "results/train/{method}/N{n}/chunk{chunk}.csv",
    method=METHODS,
    n=LENGTHS,
    chunk=CHUNKS,
)
# Controls that are trained, and candidates of a nested choice: none by default.
FURTHER = {
    file
    for run in [*controls(PLAN.config).values(), *PLAN.choices()]
    for file in run.predictions(len(CHUNKS))
}
INNER = [file for run in PLAN.choices() for file in run.inner(len(CHUNKS))]
PREDICTIONS = [*TABLE, *sorted(FURTHER - set(TABLE))]
EVALUATED = [
    *("table", "table_feature_modes", "metrics", "comparisons", "confusion", "predictions"),
    *(["selected"] if INNER else []),
]


rule evaluate:
    input:
        predictions=ancient(PREDICTIONS),
        inner=ancient(INNER),
        state=seals([*PREDICTIONS, *INNER]),
        manifest=ancient("results/manifest.csv"),
        # Names the weights, which its content follows from.
        features=ancient(f"results/features/{BACKBONE}/{METHODS[0]}/{SHARDS[0]}.h5"),
    output:
        **({"selected": "results/selected.csv"} if INNER else {}),
        table=report(
            "results/table.csv",
            caption="../report/table.rst",
            category="Accuracy",
            labels={"table": "accuracy against N", "to read": "no"},
        ),
        feature_modes=report(
            "results/table_feature_modes.csv",
            caption="../report/table_feature_modes.rst",
            category="Accuracy",
            labels={"table": "the other feature modes", "to read": "no"},
        ),
        metrics=report(
            "results/metrics.csv",
            caption="../report/metrics.rst",
            category="Every number",
            labels={"table": "metrics"},
        ),
        comparisons=report(
            "results/comparisons.csv",
            caption="../report/comparisons.rst",
            category="Accuracy",
            labels={"table": "which differences are real", "to read": "no"},
        ),
        confusion="results/confusion.csv",
        predictions=report(
            "results/predictions.csv",
            caption="../report/predictions.rst",
            category="Every number",
            labels={"table": "predictions"},
        ),
        seals=seals([f"results/{name}.csv" for name in EVALUATED]),
    log:
        "results/logs/evaluate.log",
    benchmark:
        "results/benchmarks/evaluate.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=PLAN.settings("evaluate"),
        code=PLAN.code("evaluate"),
        labels=PLAN.labels(),
    shell:
        "python -m microexpr evaluate {input.predictions} --manifest {input.manifest}"
        " --features {input.features} --inner {input.inner} --folder $(dirname {output.table})"
        " --config {params.config:q} > {log} 2>&1"
