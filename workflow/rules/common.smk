import sys
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
INSTALL = f"python -m pip install '{SOURCE or 'CHECKOUT'}'"

try:
    import microexpr
    from microexpr.pipeline.environment import share_environment
    from microexpr.errors import MicroexprError
    from microexpr.pipeline.environment import Untracked
    from microexpr.pipeline.plan import Plan
    from microexpr.runtime.files import own_files
    from microexpr.studies.variants import controls, method_pattern, split_method
except ModuleNotFoundError as error:
    raise WorkflowError(f"microexpr: {error}; {INSTALL}") from None
if PACKAGE.is_dir() and not PACKAGE.samefile(microexpr.__path__[0]):
    raise WorkflowError(f"{microexpr.__path__[0]} is loaded already, not {PACKAGE}")


def say(line):
    """Tell people something while planning: once, not in each job."""
    if workflow.is_main_process:
        print(f"microexpr: {line}", file=sys.stderr)


def seals(files):
    """Name the seals of tables: small files that tell Snakemake whether a table has changed.

    The tables themselves, and the caches, are ancient(): their dates tell nothing, such as in a
    copy of a project.
    """
    return [f"{file}.sha256" for file in files]


def contents(files):
    """Name the checksums of caches, see seals()."""
    return [f"{file}.content" for file in files]


def also_start(before):
    """Give what to do before the first job, after what is to be done already."""

    def start(log):
        before(log)
        PLAN.start()

    return start


# A prefix moves them where this workflow is a module of another one.
RESULTS = Path(
    workflow.modifier.path_modifier.replace_prefix("results/manifest.csv")
).parent
share_environment(SOURCE)
own_files(Path(".snakemake"), RESULTS)

try:
    PLAN = Plan(config, look=workflow.is_main_process, results=RESULTS, tell=say)
    SHARDS = list(PLAN.shards)
    SHOWN = PLAN.shown
    EXPLAINED = PLAN.explained
except MicroexprError as error:
    raise WorkflowError(
        "\n".join(f"microexpr: {line}" for line in error.messages)
    ) from None
except ModuleNotFoundError as error:  # to read this data set, such as openpyxl
    raise WorkflowError(f"microexpr: {error}; {INSTALL}") from None

METHODS = PLAN.config.magnify.methods
BACKBONE = PLAN.config.features.backbone
LENGTHS = PLAN.config.windows.n
CHUNKS = range(PLAN.config.train.chunks)
N_LABEL = "{:>2}"  # of a report, which sorts labels as text


wildcard_constraints:
    method=method_pattern(),
    clip="|".join(map(re.escape, SHOWN)),
    shard="|".join(map(re.escape, SHARDS)),
    n=r"\d+",
    chunk=r"\d+",
