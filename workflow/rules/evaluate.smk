# Predictions of all folds to tables with intervals.
TRAINED = expand(at.TRAINED, method=METHODS, n=LENGTHS, chunk=CHUNKS)
INNER = PLAN.inner_predictions()


rule evaluate:
    input:
        **read(
            # Beside them: controls that are trained, and candidates of a nested choice.
            predictions=lambda wildcards: [*TRAINED, *PLAN.further_predictions()],
            inner=INNER,
        ),
        manifest=ancient(at.MANIFEST),
        # Names the weights, which its content follows from.
        features=ancient(at.each(at.FEATURES, network=NETWORK, method=METHODS[0], shard=SHARDS[0])),
    output:
        **written(
            table=captioned("table", at.TABLE, **{"to read": "no"}),
            feature_modes=captioned(
                "table_feature_modes", at.TABLE_FEATURE_MODES, **{"to read": "no"}
            ),
            metrics=captioned("metrics", at.METRICS),
            comparisons=captioned("comparisons", at.COMPARISONS, **{"to read": "no"}),
            controls=captioned("controls", at.CONTROLS, **{"to read": "no"}),
            confusion=at.CONFUSION,
            predictions=captioned("predictions", at.PREDICTIONS),
            **({"selected": at.SELECTED} if INNER else {}),
            **({"test_sets": at.TEST_SETS} if PLAN.parts() else {}),
        ),
    log:
        "results/logs/evaluate.log",
    benchmark:
        "results/benchmarks/evaluate.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **SMALL,
    params:
        **job("evaluate"),
        labels=PLAN.labels(),
        parts=PLAN.parts(),
        folder=subpath(output.table, parent=True),
    shell:
        command("evaluate", inner="{input.inner}", folder="{params.folder}")
