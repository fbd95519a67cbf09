# What all rules share: the package, the plan, and functions that spell inputs, outputs, parameters.
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The package beside the workflow wins over an installed one. Without a checkout, as when Snakemake
# fetches the workflow from a Git host, it has to be installed: pip can do so from SOURCE.
HERE = workflow.current_basedir
PACKAGE = Path(str(HERE)).parents[1] / "src/microexpr"
if PACKAGE.is_dir():
    SOURCE = str(PACKAGE.parents[1])
    sys.path.insert(0, str(PACKAGE.parent))
elif hasattr(HERE, "host"):
    SOURCE = f"git+https://{HERE.host}/{HERE.repo}@{HERE.ref}"
else:
    SOURCE = ""
EXTRA = "microexpr[workflow] @ {}" if SOURCE.startswith("git+") else "{}[workflow]"
INSTALL = f"python -m pip install '{EXTRA.format(SOURCE or 'CHECKOUT')}'"

try:
    import microexpr
    from microexpr import stages
    from microexpr.pipeline import layout as at
    from microexpr.pipeline.environment import Untracked, end_as_asked, share_environment
    from microexpr.pipeline.plan import Plan
    from microexpr.runtime.ending import told
    from microexpr.runtime.files import own_files
    from microexpr.studies.variants import method_pattern
    from microexpr.training.controls import CONTROLS
except ModuleNotFoundError as error:
    raise WorkflowError(f"microexpr: {error}; {INSTALL}") from None
if PACKAGE.is_dir() and not PACKAGE.samefile(microexpr.__path__[0]):
    raise WorkflowError(f"{microexpr.__path__[0]} is loaded already, not {PACKAGE}")


def say(line):
    """Print a message while planning: once, not in each job."""
    if workflow.is_main_process:
        print(f"microexpr: {line}", file=sys.stderr)


def seal(file):
    """Return the small file beside a cache or a table that follows from its content."""
    return f"{file}.content" if str(file).endswith(".h5") else f"{file}.sha256"


def read(**files):
    """Return inputs of a rule by name, and with them their seals.

    The seals tell Snakemake whether a file has changed. The files themselves are ancient(): their
    dates tell nothing, such as in a copy of a project.
    """

    def seals(wildcards):
        for paths in files.values():
            found = paths(wildcards) if callable(paths) else paths
            yield from map(seal, [found] if isinstance(found, str) else found)

    late = any(map(callable, files.values()))
    state = (lambda wildcards: list(seals(wildcards))) if late else list(seals(None))
    return {name: ancient(paths) for name, paths in files.items()} | {"state": state}


def written(**files):
    """Return outputs of a rule by name, and with them their seals."""
    every = [[paths] if isinstance(paths, str) else paths for paths in files.values()]
    return files | {"seals": [seal(file) for paths in every for file in paths]}


def captioned(name, file, **labels):
    """Show an output in the report, as captions.smk says; more labels may depend on the file."""
    category, known = CAPTIONS[name]
    return report(file, caption=f"../report/{name}.rst", category=category, labels=known | labels)


def figure(name):
    """Return the picture of a figure that the report shows."""
    return f"results/figures/{name}.png"


def vectors(*names, folder="results/figures"):
    """Return the pictures of figures for print."""
    return [f"{folder}/{name}.{kind}" for name in names for kind in ("pdf", "svg")]


def of_cells(name, cells):
    """Show a figure of each method and N in the report."""
    return [
        captioned(name, figure(f"{name}_{method}_N{n}"), method=method, N=f"{n:>2}")
        for method, n in cells
    ]


def drawn(shards):
    """Return the files that generated clips come with: their true motion."""
    return expand(at.DEMO, shard=shards) if PLAN.config.data.kind == "demo" else []


def job(stage, **chosen):
    """Return the parameters that decide whether a stage runs again, and its --config."""

    def of(name):
        return lambda wildcards: PLAN.job(
            stage, **{k: v(wildcards) if callable(v) else v for k, v in chosen.items()}
        )[name]

    if any(map(callable, chosen.values())):
        return {name: of(name) for name in ("config", "code", "settings")}
    # As functions: Snakemake would look for wildcards in a text, such as a class called {x}.
    return {k: (lambda wildcards, v=v: v) for k, v in PLAN.job(stage, **chosen).items()}


def command(stage, *flags, **given):
    """Return the command of a stage with the inputs and outputs of its rule."""
    return stages.declared(stage).command(*flags, **given)


@cache
def features_of(variant, method):
    """Return the caches of a variant's network, of all shards: the same in many jobs."""
    return at.each(at.FEATURES, network=PLAN.network(variant), method=method, shard=SHARDS)


# A prefix moves them where this workflow is a module of another one.
RESULTS = Path(workflow.modifier.path_modifier.replace_prefix(at.MANIFEST)).parent
share_environment(SOURCE)
end_as_asked()
own_files(Path(".snakemake"), RESULTS)

try:
    PLAN = Plan(config, look=workflow.is_main_process, results=RESULTS, tell=say)
    SHARDS = list(PLAN.shards)
    SHOWN = PLAN.shown
    EXPLAINED = PLAN.explained
except ModuleNotFoundError as error:  # for this configuration, such as scikit-learn
    raise WorkflowError(f"microexpr: {error}; {INSTALL}") from None
except Exception as error:
    _, lines = told(error, "snakemake --verbose")
    raise WorkflowError("\n".join(f"microexpr: {line}" for line in lines)) from error

METHODS = PLAN.config.magnify.methods
NETWORK = PLAN.network()
LENGTHS = PLAN.config.windows.n
CHUNKS = range(PLAN.config.train.chunks)

# What most jobs need, of the largest data sets: MB and minutes.
SMALL = {"mem_mb": 1000, "runtime": 30}
TRAINING = {"gpu": 1, "mem_mb": 4000, "runtime": 240}


wildcard_constraints:
    method=method_pattern(),
    clip="|".join(map(re.escape, SHOWN)),
    shard="|".join(map(re.escape, SHARDS)),
    n=r"\d+",
    variant=rf"(?!(?:{'|'.join(CONTROLS)})/)[^/]+",  # rule train_controls makes these
    chunk=r"\d+",
