"""Profiles for clusters fit the workflow's rules: all of them, and no other."""

from __future__ import annotations

import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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
        stage = re.search(r"python -P -m microexpr stage (\w+)", command)[1]
        with pytest.raises(SystemExit):
            main(["stage", stage, "--help"])
        return "--device" in capsys.readouterr().out and "--device cpu" not in command

    return tell


def test_rules_that_use_a_gpu_ask_for_it_and_no_other_rule_does(rules, uses_gpu):
    assert {"features", "train"} <= {name for name, rule in rules.items() if rule["gpu"]}
    for name, rule in rules.items():
        assert rule["gpu"] == uses_gpu(rule["shell"]), f"resources: gpu of rule {name}"


CLUSTERS = ("slurm", "kubernetes")


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_profile_has_more_resources_for_some_rules_and_for_no_other_name(rules, name):
    named = read_profile(name)["set-resources"]
    assert set(named) <= set(rules), f"set-resources of profiles/{name}/config.yaml"
    for rule in rules:
        wanted = {"mem_mb", "runtime"} if name == "slurm" else {"mem_mb"}
        assert wanted <= set(asks(read_profile(name), rule)), rule


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_profile_asks_for_a_gpu_where_the_rule_does(rules, name):
    profile = read_profile(name)
    assert profile["jobs"] > 1
    for rule, known in rules.items():
        asked = asks(profile, rule)
        assert asked.get("gpu", 0) == known["gpu"], rule
        if name == "slurm":
            assert asked["slurm_partition"] == ("gpu" if known["gpu"] else "cpu"), rule


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_retry_asks_for_more_memory(rules, name):
    profile = read_profile(name)
    assert profile["retries"] >= 1
    for rule in rules:
        first, second = (asks(profile, rule, attempt)["mem_mb"] for attempt in (1, 2))
        assert 1000 <= first < second, rule


def test_the_default_profile_asks_for_nothing():
    # Its resources would win over those of a user's own profile.
    assert not {"resources", "default-resources", "set-resources"} & set(read_profile("default"))


@pytest.mark.parametrize("name", ["default", "gpu", *CLUSTERS])
def test_every_profile_has_the_screen_of_this_project(name):
    assert read_profile(name)["logger"] == "microexpr"


class EmptyBucket(BaseHTTPRequestHandler):
    """As much of the S3 API as a dry run asks for: the bucket is there, and nothing is in it."""

    def do_HEAD(self):
        in_bucket = self.path.strip("/").count("/") > 0
        self.send_response(404 if in_bucket else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        listing = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(listing)))
        self.end_headers()
        self.wfile.write(listing)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def object_storage():
    """Address of a storage on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyBucket) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_kubernetes_plans_the_whole_demo_in_object_storage(project, object_storage):
    for plugin in ("snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_s3"):
        pytest.importorskip(plugin, reason=f"no {plugin} here (pip install microexpr[kubernetes])")
    profile = project.folder / "profiles/kubernetes/config.yaml"
    text = profile.read_text().replace("https://s3.example.org", object_storage)
    profile.write_text(text)
    (project.folder / "extra.yaml").write_text("data: {root: /data/demo}")
    keys = {f"SNAKEMAKE_STORAGE_S3_{name}_KEY": "any" for name in ("ACCESS", "SECRET")}
    command = [
        *(sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/kubernetes"),
        *("--dry-run", "--printshellcmds", "--configfile", "config/ci.yaml", "extra.yaml"),
        *("--", "all", "figures", "explain"),
    ]
    done = project.execute(*command, **keys)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE))
    assert counts["train"] == "4"
    assert counts["total"] == "40"
    # Each path of a command is the storage's, so nothing is left in a pod that ends.
    commands = re.findall(r"^Shell command: (.*)$", done.stdout, flags=re.MULTILINE)
    assert len(commands) > 36
    assert not [command for command in commands if re.search(r"(^|[\s=])results/", command)]
    for file in ("results/table.csv", "results/faces/s1-s2.h5", "results/logs/evaluate.log"):
        assert f"s3://microexpr/run1/{file} (send to storage)" in done.stdout
    jobs = re.findall(
        r"^rule (\w+):.*?^    resources: (.*?)$", done.stdout, re.DOTALL | re.MULTILINE
    )
    assert {rule for rule, asked in jobs if "gpu=1" in asked.split(", ")} == {
        *("features", "train", "train_explained", "gradcam")
    }
    assert all({"scale=0", "gpu_manufacturer=nvidia"} <= set(a.split(", ")) for _, a in jobs)
