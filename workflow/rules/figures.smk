# Pictures of a run: results/figures. No part of results/table.csv.
VECTORS = ("pdf", "svg")
CELLS = [(method, n) for method in METHODS for n in LENGTHS]
EPOCHS = expand(
    "results/train/{method}/N{n}/chunk{chunk}.epochs.csv",
    method=METHODS,
    n=LENGTHS,
    chunk=CHUNKS,
)


rule table_figures:
    input:
        metrics=ancient("results/metrics.csv"),
        predictions=ancient("results/predictions.csv"),
        confusion=ancient("results/confusion.csv"),
        epochs=ancient(EPOCHS),
        state=seals(
            [
                *(f"results/{name}.csv" for name in ("metrics", "predictions")),
                "results/confusion.csv",
                *EPOCHS,
            ]
        ),
    output:
        vectors=expand(
            "results/figures/{name}.{kind}",
            name=[
                *("accuracy", "recall", "subjects"),
                *(f"confusion_{method}_N{n}" for method, n in CELLS),
                *(f"training_{method}_N{n}" for method, n in CELLS),
            ],
            kind=VECTORS,
        ),
        accuracy=report(
            "results/figures/accuracy.png",
            caption="../report/accuracy.rst",
            category="Accuracy against N",
            labels={"figure": "accuracy", "method": "all", "N": "all"},
        ),
        recall=report(
            "results/figures/recall.png",
            caption="../report/recall.rst",
            category="Accuracy against N",
            labels={"figure": "recall of each class", "method": "all", "N": "all"},
        ),
        subjects=report(
            "results/figures/subjects.png",
            caption="../report/subjects.rst",
            category="Accuracy against N",
            labels={"figure": "accuracy of each subject", "method": "all", "N": "all"},
        ),
        confusion=[
            report(
                f"results/figures/confusion_{method}_N{n}.png",
                caption="../report/confusion.rst",
                category="Confusion",
                labels={
                    "figure": "confusion matrix",
                    "method": method,
                    "N": N_LABEL.format(n),
                },
            )
            for method, n in CELLS
        ],
        training=[
            report(
                f"results/figures/training_{method}_N{n}.png",
                caption="../report/training.rst",
                category="Training",
                labels={
                    "figure": "training curves",
                    "method": method,
                    "N": N_LABEL.format(n),
                },
            )
            for method, n in CELLS
        ],
    log:
        "results/logs/figures.log",
    benchmark:
        "results/benchmarks/figures.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=PLAN.settings("figures"),
        code=PLAN.code("figures"),
        folder=subpath(output.accuracy, parent=True),
    shell:
        "python -m microexpr figures {input.epochs} --metrics {input.metrics}"
        " --predictions {input.predictions} --confusion {input.confusion}"
        " --folder {params.folder} --config {params.config:q} > {log} 2>&1"


# Needs the crops only: a bad one is seen before anything is trained.
rule quality:
    input:
        faces=ancient(FACES),
        content=contents(FACES),
    output:
        vectors=expand(
            "results/figures/{name}.{kind}",
            name=["windows", *(f"crops_{page}" for page in PLAN.crop_pages)],
            kind=VECTORS,
        ),
        windows=report(
            "results/figures/windows.png",
            caption="../report/windows.rst",
            category="Data",
            labels={"figure": "window coverage"},
        ),
        crops=[
            report(
                f"results/figures/crops_{page}.png",
                caption="../report/crops.rst",
                category="Data",
                labels={"figure": f"crops, page {page}"},
            )
            for page in PLAN.crop_pages
        ],
    log:
        "results/logs/quality.log",
    benchmark:
        "results/benchmarks/quality.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=PLAN.settings("quality"),
        code=PLAN.code("quality"),
        folder=subpath(output.windows, parent=True),
    shell:
        "python -m microexpr quality {input.faces} --folder {params.folder}"
        " --config {params.config:q} > {log} 2>&1"


rule embedding:
    input:
        features=ancient(FEATURES),
        content=contents(FEATURES),
        manifest=ancient("results/manifest.csv"),
    output:
        vectors=expand("results/figures/tsne_{{method}}.{kind}", kind=VECTORS),
        png=report(
            "results/figures/tsne_{method}.png",
            caption="../report/tsne.rst",
            category="Features",
            labels={"figure": "t-SNE by class and by subject", "method": "{method}"},
        ),
    log:
        "results/logs/embedding/{method}.log",
    benchmark:
        "results/benchmarks/embedding/{method}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        config=PLAN.settings("embedding"),
        code=PLAN.code("embedding"),
        labels=PLAN.labels(),
        stem=subpath(output.png, strip_suffix=".png"),
    shell:
        "python -m microexpr embedding {input.features} --manifest {input.manifest}"
        " --method {wildcards.method} --stem {params.stem} --config {params.config:q} > {log} 2>&1"


rule motion:
    input:
        manifest=ancient("results/manifest.csv"),
        faces=ancient(lambda wildcards: shown_caches(wildcards)[0]),
        magnified=ancient(lambda wildcards: shown_caches(wildcards)[1:]),
        content=lambda wildcards: contents(shown_caches(wildcards)),
    output:
        vectors=expand("results/figures/slices_{{clip}}.{kind}", kind=VECTORS),
        slices=report(
            "results/figures/slices_{clip}.png",
            caption="../report/slices.rst",
            category="Motion",
            labels={"clip": "{clip}", "figure": "slices through time"},
        ),
        video=report(
            "results/figures/motion_{clip}.mp4",
            caption="../report/motion.rst",
            category="Motion",
            labels={"clip": "{clip}", "figure": "video, methods side by side"},
        ),
    log:
        "results/logs/motion/{clip}.log",
    benchmark:
        "results/benchmarks/motion/{clip}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        config=PLAN.settings("motion"),
        code=PLAN.code("motion"),
        label=lambda wildcards: PLAN.labels(wildcards.clip),
        folder=subpath(output.video, parent=True),
    shell:
        "python -m microexpr motion {input.faces} {input.magnified} --manifest {input.manifest}"
        " --clip {wildcards.clip} --folder {params.folder} --config {params.config:q} > {log} 2>&1"


rule figures:
    input:
        rules.table_figures.output,
        rules.quality.output,
        expand("results/figures/tsne_{method}.png", method=METHODS),
        expand("results/figures/motion_{clip}.mp4", clip=SHOWN),
        expand("results/pages/figures/motion_{clip}.video.html", clip=SHOWN),
