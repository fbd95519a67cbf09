from pathlib import Path

from snakemake.exceptions import WorkflowError

from microexpr.environment import share_environment
from microexpr.errors import MicroexprError
from microexpr.plan import Plan
from microexpr.privacy.files import own_files
from microexpr.variants import ARM, controls, split_arm

share_environment(Path(workflow.basedir))
own_files(Path(".snakemake"), Path("results"))

try:
    PLAN = Plan(config)
    SHARDS = list(PLAN.shards)
    SHOWN = PLAN.shown
    EXPLAINED = PLAN.explained
except MicroexprError as error:
    raise WorkflowError(str(error)) from None

METHODS = PLAN.config.magnify.methods
BACKBONE = PLAN.config.features.backbone
LENGTHS = PLAN.config.windows.n
PARTS = range(PLAN.config.train.parts)
N_LABEL = "{:>2}"  # of a report, which sorts labels as text


wildcard_constraints:
    arm=ARM,
    clip="|".join(map(re.escape, SHOWN)),
    shard="|".join(map(re.escape, SHARDS)),
    n=r"\d+",
    part=r"\d+",
