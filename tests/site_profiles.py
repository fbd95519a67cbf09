"""What a profile says, and what the workflow's rules are, for tests to compare."""

from __future__ import annotations

import json
import sys
from typing import Any

import yte

from project import ROOT, Project

RULES = """
import json
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

with SnakemakeApi(OutputSettings()) as api:
    settings = ConfigSettings(configfiles=[Path("config/ci.yaml")])
    project = api.workflow(ResourceSettings(), settings, snakefile=Path("Snakefile"))
    workflow = project._get_workflow()
    workflow.include(project.snakefile, overwrite_default_target=True)
    rules = {
        rule.name: {
            "local": rule.name in workflow._localrules,
            "shell": rule.shellcmd or "",
            "gpu": rule.resources["gpu"].value if "gpu" in rule.resources else 0,
            "own": {
                name: rule.resources[name].value
                for name in ("mem_mb", "runtime")
                if name in rule.resources
            },
        }
        for rule in workflow.rules
    }
print(json.dumps(rules))
"""


def read_profile(name: str) -> dict[str, Any]:
    """Give a profile as Snakemake reads it, its templates filled in."""
    with (ROOT / "profiles" / name / "config.yaml").open(encoding="utf-8") as file:
        return yte.process_yaml(file, require_use_yte=True)


def asks(
    profile: dict[str, Any], rule: str, attempt: int = 1, own: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the resources of a rule's job under a profile at an attempt.

    What the profile sets for the rule wins over the rule's `own`, and that over the default.
    """
    asked = profile.get("default-resources", {}) | (own or {})
    asked |= profile["set-resources"].get(rule, {})
    return {
        name: eval(value, {"attempt": attempt}) if "attempt" in str(value) else value
        for name, value in asked.items()
    }


def read_rules(project: Project) -> dict[str, dict[str, Any]]:
    """Give every rule of the workflow: whether it is local, its command, the GPUs it asks for."""
    done = project.execute(sys.executable, "-c", RULES)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
