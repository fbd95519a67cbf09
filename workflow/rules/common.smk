import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from microexpr.errors import MicroexprError
from microexpr.plan import Plan

# `python` in a rule is the one that runs Snakemake, also where nobody has
# activated its environment: .venv/bin/snakemake, a cluster's node.
os.environ["PATH"] = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ["PATH"]]
)

# With --sdm conda the jobs' environment has the libraries, but not this package.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(workflow.basedir) / "src"), os.environ.get("PYTHONPATH", "")]
).rstrip(os.pathsep)

try:
    PLAN = Plan(config)
    SHARDS = list(PLAN.shards)
except MicroexprError as error:
    raise WorkflowError(str(error)) from None

METHODS = PLAN.config.magnify.methods
BACKBONE = PLAN.config.features.backbone
LENGTHS = PLAN.config.windows.n
PARTS = range(PLAN.config.train.parts)


wildcard_constraints:
    method="|".join(METHODS),
    shard="|".join(map(re.escape, SHARDS)),
    n=r"\d+",
    part=r"\d+",
