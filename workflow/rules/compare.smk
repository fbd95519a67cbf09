rule compare:
    input:
        folds=ancient("results/folds.csv"),
        manifest=ancient("results/manifest.csv"),
        # The pipeline's own network sees cached features of the method none; the others, faces.
        caches=ancient(compared_caches),
        state=lambda wildcards: [
            *contents(compared_caches(wildcards)),
            *seals(["results/folds.csv"]),
        ],
    output:
        table="results/compare/{system}.csv",
        seal="results/compare/{system}.csv.sha256",
    log:
        "results/logs/compare/{system}.log",
    benchmark:
        "results/benchmarks/compare/{system}.tsv"
    wildcard_constraints:
        system="|".join(SYSTEMS),
    conda:
        "../../envs/gpu.yaml"
    resources:
        gpu=1,
        mem_mb=4000,
        runtime=240,
    params:
        config=lambda wildcards: PLAN.settings(
            "compare_own" if wildcards.system == baselines.OWN_NETWORK else "compare"
        ),
        code=lambda wildcards: PLAN.code("compare", system=wildcards.system),
        labels=PLAN.labels(),
    shell:
        "python -m microexpr compare {input.caches} --manifest {input.manifest}"
        " --folds {input.folds} --output {output.table}"
        " --system {wildcards.system} --threads {threads} --config {params.config:q} > {log} 2>&1"


rule comparison:
    input:
        manifest=ancient("results/manifest.csv"),
        method=ancient(lambda wildcards: compared_predictions()[0]),
        systems=ancient(lambda wildcards: compared_predictions()[1]),
        state=lambda wildcards: seals(sum(compared_predictions(), [])),
    output:
        table=report(
            "results/comparison.csv",
            caption="../report/comparison.rst",
            category="Comparison",
            labels={"table": "systems of other authors"},
        ),
        seal="results/comparison.csv.sha256",
    log:
        "results/logs/comparison.log",
    benchmark:
        "results/benchmarks/comparison.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=PLAN.settings("comparison"),
        code=PLAN.code("comparison"),
        labels=PLAN.labels(),
    shell:
        "python -m microexpr comparison {input.systems} {input.method} --manifest {input.manifest}"
        " --output {output.table} --config {params.config:q} > {log} 2>&1"
