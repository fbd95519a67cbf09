# Files that several rules read: the functions and lists that name them.
from microexpr import baselines

# Of the network of the table, all shards of a method.
FEATURES = expand(
    "results/features/{backbone}/{{method}}/{shard}.h5", backbone=BACKBONE, shard=SHARDS
)
FACES = expand("results/faces/{shard}.h5", shard=SHARDS)
MAGNIFIED = [method for method in METHODS if method != "none"]

# The systems of other authors on the same crops and folds. No part of results/table.csv.
SYSTEMS = PLAN.config.compare.systems
AGAINST = PLAN.config.compare.against


def variant_features(wildcards):
    """Name the caches of a variant's network."""
    return expand(
        "results/features/{network}/{method}/{shard}.h5",
        network=PLAN.network(wildcards.variant),
        method=wildcards.method,
        shard=SHARDS,
    )


def ablation_files(full=False):
    """Name predictions and caches, and what tells whether they changed."""
    files = PLAN.ablation_files(full=full)
    return {
        "predictions": ancient(files["predictions"]),
        "features": ancient(files["features"]),
        "state": [*seals(files["predictions"]), *contents(files["features"])],
    }


def compared_caches(wildcards):
    """Name the caches that a system sees."""
    if wildcards.system != baselines.OWN_NETWORK:
        return expand("results/faces/{shard}.h5", shard=SHARDS)
    return expand(
        "results/features/{backbone}/{method}/{shard}.h5",
        backbone=BACKBONE,
        method=PLAN.method("none", "compare.systems"),
        shard=SHARDS,
    )


def compared_predictions():
    """Name the predictions that results/comparison.csv is made of: our own, then the systems'."""
    own = expand(
        "results/train/{method}/N{n}/chunk{chunk}.csv",
        method=PLAN.method(AGAINST.method, "compare.against"),
        n=AGAINST.n,
        chunk=CHUNKS,
    )
    return own, expand("results/compare/{system}.csv", system=SYSTEMS)


def shown_caches(wildcards):
    """Name the caches that hold a clip: its faces, then one per method."""
    shard = SHOWN[wildcards.clip]
    return [
        f"results/faces/{shard}.h5",
        *expand("results/magnified/{method}/{shard}.h5", method=MAGNIFIED, shard=shard),
    ]


def seen_images(wildcards):
    """Name the caches of what a method's network sees."""
    if wildcards.method == "none":
        return FACES
    return expand("results/magnified/{method}/{shard}.h5", method=wildcards.method, shard=SHARDS)


def exported_features(wildcards):
    """Name the caches of the method that is exported."""
    return expand(FEATURES, method=PLAN.exported())
