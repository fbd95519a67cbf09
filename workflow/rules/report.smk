# What the run says of itself. No part of results/table.csv.
READ = {"to read": "yes"}


rule summary:
    input:
        **read(
            table=at.TABLE,
            metrics=at.METRICS,
            comparisons=at.COMPARISONS,
            controls=at.CONTROLS,
            predictions=at.PREDICTIONS,
        ),
        manifest=ancient(at.MANIFEST),
        features=ancient(at.each(at.FEATURES, network=NETWORK, method=METHODS[0], shard=SHARDS[0])),
        sources=expand(at.SOURCES, shard=SHARDS),
    output:
        **written(origins="results/origins.csv"),
        summary=at.SUMMARY,
        configuration="results/configuration.yaml",
        summary_page=captioned("summary", "results/pages/summary.html"),
        configuration_page=captioned("configuration", "results/pages/configuration.html"),
    log:
        "results/logs/summary.log",
    benchmark:
        "results/benchmarks/summary.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        **job("summary"),
        clips=PLAN.rows(),
        pages=subpath(output.summary_page, parent=True),
    shell:
        command("summary", sources="{input.sources}", pages="{params.pages}")


# Snakemake's report offers a CSV file for download only; these are shown.
rule pages:
    input:
        **read(
            shown=[at.TABLE, at.TABLE_FEATURE_MODES, at.COMPARISONS, at.CONTROLS],
            metrics=at.METRICS,
            controls=at.CONTROLS,
            predictions=at.PREDICTIONS,
        ),
        manifest=ancient(at.MANIFEST),
    output:
        pages=[
            captioned("table", "results/pages/table.html", **READ),
            captioned("table_feature_modes", "results/pages/table_feature_modes.html", **READ),
            captioned("comparisons", "results/pages/comparisons.html", **READ),
            captioned("controls", "results/pages/controls.html", **READ),
        ],
        cells=report(
            directory("results/pages/cells"),
            patterns=["{method}/N{frames}.html"],
            caption="../report/cell.rst",
            category="Method and N",
            labels=lambda cell: {"method": cell.method, "N": f"{cell.frames:>2}"},
        ),
    log:
        "results/logs/pages.log",
    benchmark:
        "results/benchmarks/pages.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        **job("pages"),
        clips=PLAN.rows(),
    shell:
        command("pages", cells="{output.cells}")


# Any other table on request, such as results/pages/comparison.html.
rule page:
    input:
        **read(shown="results/{table}.csv"),
    output:
        pages=captioned("page", "results/pages/{table}.html", table="{table}"),
    log:
        "results/logs/pages/{table}.log",
    benchmark:
        "results/benchmarks/pages/{table}.tsv"
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        **job("pages"),
    shell:
        command("pages")


# A video that the report shows, such as results/pages/figures/motion_s1_po_01.video.html.
use rule page as video_page with:
    input:
        shown="results/{video}.mp4",
    output:
        pages=captioned("video_page", "results/pages/{video}.video.html", clip="{video}"),
    log:
        "results/logs/pages/{video}.video.log",
    benchmark:
        "results/benchmarks/pages/{video}.video.tsv"
    localrule: True


ruleorder: pages > summary > video_page > page
