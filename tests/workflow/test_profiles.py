"""Profiles for clusters fit the workflow's rules: all of them, and no other."""

from __future__ import annotations

import re

import pytest

from microexpr.cli import main
from project import fresh
from site_profiles import asks, read_profile, read_rules

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """Rules that become jobs of a cluster."""
    every = read_rules(fresh(tmp_path_factory.mktemp("rules") / "project"))
    return {name: rule for name, rule in every.items() if rule["shell"] and not rule["local"]}


@pytest.fixture
def uses_gpu(capsys):
    """Tell from a command whether it runs on a GPU where there is one."""

    def tell(command: str) -> bool:
        stage = re.search(r"python -m microexpr (\w+)", command)[1]
        with pytest.raises(SystemExit):
            main([stage, "--help"])
        return "--device" in capsys.readouterr().out and "--device cpu" not in command

    return tell


def test_rules_that_use_a_gpu_ask_for_it_and_no_other_rule_does(rules, uses_gpu):
    assert {"features", "train"} <= {name for name, rule in rules.items() if rule["gpu"]}
    for name, rule in rules.items():
        assert rule["gpu"] == uses_gpu(rule["shell"]), f"resources: gpu of rule {name}"


def test_slurm_has_resources_for_every_rule_and_for_no_other(rules):
    named = read_profile("slurm")["set-resources"]
    assert sorted(named) == sorted(rules), "set-resources of profiles/slurm/config.yaml"
    for name, entry in named.items():
        assert {"mem_mb", "runtime"} <= set(entry), name


def test_slurm_sends_gpu_rules_to_the_gpu_partition(rules):
    profile = read_profile("slurm")
    assert profile["jobs"] > 1
    for name, rule in rules.items():
        asked = asks(profile, name)
        assert asked.get("gpu", 0) == rule["gpu"], name
        assert asked["slurm_partition"] == ("gpu" if rule["gpu"] else "cpu"), name


def test_a_retry_asks_slurm_for_more_memory(rules):
    profile = read_profile("slurm")
    assert profile["retries"] >= 1
    for name in rules:
        first, second = (asks(profile, name, attempt)["mem_mb"] for attempt in (1, 2))
        assert 1000 <= first < second, name


def test_the_default_profile_asks_for_nothing():
    # Its resources would win over those of a user's own profile.
    assert not {"resources", "default-resources", "set-resources"} & set(read_profile("default"))
