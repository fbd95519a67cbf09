# What the run says of itself. No part of results/table.csv.
rule summary:
    input:
        table=ancient("results/table.csv"),
        metrics=ancient("results/metrics.csv"),
        comparisons=ancient("results/comparisons.csv"),
        predictions=ancient("results/predictions.csv"),
        state=seals(
            [
                f"results/{name}.csv"
                for name in ("table", "metrics", "comparisons", "predictions")
            ]
        ),
        manifest=ancient("results/manifest.csv"),
        features=ancient(f"results/features/{BACKBONE}/{METHODS[0]}/{SHARDS[0]}.h5"),
    output:
        summary="results/summary.md",
        configuration="results/configuration.yaml",
        origins="results/origins.csv",
        seal="results/origins.csv.sha256",
        summary_page=report(
            "results/pages/summary.html",
            caption="../report/summary.rst",
            category="Summary",
            labels={"page": "1 summary"},
        ),
        configuration_page=report(
            "results/pages/configuration.html",
            caption="../report/configuration.rst",
            category="Summary",
            labels={"page": "2 configuration, versions, checksums"},
        ),
    log:
        "results/logs/summary.log",
    benchmark:
        "results/benchmarks/summary.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        config=PLAN.settings("summary"),
        code=PLAN.code("summary"),
        clips=PLAN.rows(),
        pages=subpath(output.summary_page, parent=True),
    shell:
        "python -m microexpr summary {input.table} {output.summary} --manifest {input.manifest}"
        " --features {input.features} --pages {params.pages} --config {params.config:q} > {log} 2>&1"


SHOWN_TABLES = [
    "results/table.csv",
    "results/table_feature_modes.csv",
    "results/comparisons.csv",
]


# Snakemake's report offers a CSV file for download only; these are shown.
rule pages:
    input:
        tables=ancient(SHOWN_TABLES),
        metrics=ancient("results/metrics.csv"),
        predictions=ancient("results/predictions.csv"),
        state=seals([*SHOWN_TABLES, "results/metrics.csv", "results/predictions.csv"]),
        manifest=ancient("results/manifest.csv"),
    output:
        tables=[
            report(
                "results/pages/table.html",
                caption="../report/table.rst",
                category="Accuracy",
                labels={"table": "accuracy against N", "to read": "yes"},
            ),
            report(
                "results/pages/table_feature_modes.html",
                caption="../report/table_feature_modes.rst",
                category="Accuracy",
                labels={"table": "the other feature modes", "to read": "yes"},
            ),
            report(
                "results/pages/comparisons.html",
                caption="../report/comparisons.rst",
                category="Accuracy",
                labels={"table": "which differences are real", "to read": "yes"},
            ),
        ],
        cells=report(
            directory("results/pages/cells"),
            patterns=["{method}/N{frames}.html"],
            caption="../report/cell.rst",
            category="Method and N",
            labels=lambda cell: {
                "method": cell.method,
                "N": N_LABEL.format(cell.frames),
            },
        ),
    log:
        "results/logs/pages.log",
    benchmark:
        "results/benchmarks/pages.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        config=PLAN.settings("pages"),
        code=PLAN.code("pages"),
        clips=PLAN.rows(),
    shell:
        "python -m microexpr pages {input.tables} --output {output.tables} --cells {output.cells}"
        " --config {params.config:q} > {log} 2>&1"


# Any other table on request, such as results/pages/comparison.html.
rule page:
    input:
        shown=ancient("results/{table}.csv"),
        state="results/{table}.csv.sha256",
    output:
        report(
            "results/pages/{table}.html",
            caption="../report/page.rst",
            category="Tables to read",
            labels={"table": "{table}"},
        ),
    log:
        "results/logs/pages/{table}.log",
    benchmark:
        "results/benchmarks/pages/{table}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        config=PLAN.settings("pages"),
        code=PLAN.code("pages"),
    shell:
        "python -m microexpr pages {input.shown} --output {output}"
        " --config {params.config:q} > {log} 2>&1"


# A video that the report shows, such as results/pages/figures/motion_s1_po_01.video.html.
use rule page as video_page with:
    input:
        shown="results/{video}.mp4",
    output:
        report(
            "results/pages/{video}.video.html",
            caption="../report/video_page.rst",
            category="Motion",
            labels={"clip": "{video}", "figure": "video, to watch"},
        ),
    log:
        "results/logs/pages/{video}.video.log",
    benchmark:
        "results/benchmarks/pages/{video}.video.tsv"
    localrule: True


ruleorder: pages > summary > video_page > page
