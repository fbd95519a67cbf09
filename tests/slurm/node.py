"""A real Slurm of one node for tests, from Debian's packages.

No systemd, no cgroups, no root; it listens on loopback only and writes nothing outside its folder.
Two GPUs are counted and scheduled, though no such device is there. Memory limits are enforced.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "srun")
PACKAGES = "apt-get install slurmctld slurmd slurm-client"
START_S, STOP_S = 30, 5

# A GPU has to be a character device: one that is only counted drains the node, and with a plain
# file no CUDA_VISIBLE_DEVICES is set in the job.
GRES = "Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n"
CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
AccountingStorageType=accounting_storage/none
MinJobAge=86400
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MailProg=/bin/true
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES DefMemPerCPU=500 State=UP
PartitionName=gpu Nodes=ALL Default=NO DefMemPerCPU=500 State=UP
"""


def missing() -> str:
    """Say what of Slurm is not installed; empty when all is there."""
    absent = [name for name in NEEDED if not shutil.which(name, path=SEARCH)]
    return f"no {', '.join(absent)} here ({PACKAGES})" if absent else ""


@contextmanager
def single_node(folder: Path) -> Iterator[dict[str, str]]:
    """Run a controller and a node in a folder until the block ends, however it ends.

    Parameters
    ----------
    folder : Path
        Becomes theirs; with a short name, as a socket's path has at most 108 characters.

    Yields
    ------
    dict of str to str
        An environment in which ``sbatch`` and the like talk to them.

    Raises
    ------
    TimeoutError
        With the end of the logs, when the node is not idle after a while.
    """
    environment = _configure(folder)
    munge = folder / "munge"
    authentication = [f"--{name}={munge / name}" for name in ("socket", "pid-file", "log-file")]
    with ExitStack() as stack:
        stack.callback(_end_jobs, folder, environment)
        for command in (
            # --force: also below a folder that is closed to others.
            ["munged", "--foreground", "--force", f"--key-file={munge / 'key'}", *authentication],
            ["slurmctld", "-D", "-c", "-i"],
            ["slurmd", "-D", "-c"],
        ):
            stack.enter_context(_daemon(command, folder, environment))
            if command[0] == "munged":
                _wait(folder, (munge / "socket").exists)
        stack.callback(_run, ["scancel", f"--user={environment['USER']}"], environment)
        _wait(folder, lambda: _run(["sinfo", "-h", "-o", "%T"], environment).split() == ["idle"])
        yield environment


def asked(environment: dict[str, str]) -> list[dict[str, str]]:
    """Give all jobs since the start, with what they asked for, as ``scontrol`` tells it."""
    lines = _run(["scontrol", "-o", "show", "job"], environment).splitlines()
    return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]


def _configure(folder: Path) -> dict[str, str]:
    """Write the configuration; give the environment of its users."""
    user, host = pwd.getpwuid(os.getuid()).pw_name, socket.gethostname().split(".")[0]
    for name in ("state", "spool", "bin", "munge"):
        (folder / name).mkdir()
    (folder / "munge/key").write_bytes(os.urandom(1024))
    (folder / "munge/key").chmod(0o600)
    environment = dict(os.environ, SLURM_CONF=str(folder / "slurm.conf"), USER=user)
    environment["PATH"] = os.pathsep.join((str(folder / "bin"), SEARCH))
    hardware = subprocess.run(
        ["slurmd", "-C"], env=environment, check=True, text=True, capture_output=True
    ).stdout
    values = {
        **{"host": host, "user": user, "folder": folder, "cpus": os.cpu_count()},
        "memory": re.search(r"RealMemory=(\d+)", hardware)[1],
        **dict(zip(("controller", "node"), _free_ports(2), strict=True)),
    }
    (folder / "slurm.conf").write_text(CONF.format(**values))
    (folder / "gres.conf").write_text(GRES)
    # Snakemake's job step forgets SLURM_CONF before it calls srun.
    srun = folder / "bin/srun"
    real = shutil.which("srun", path=SEARCH)
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder / "slurm.conf"} exec {real} "$@"\n')
    srun.chmod(0o755)
    return environment


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def _daemon(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run a daemon as a child, so that it can be waited for; it dies with the tests."""
    with (folder / f"{command[0]}.out").open("w") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env=environment,
            stdout=out,
            stderr=out,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:  # a node without its controller ignores TERM
                process.kill()
                process.wait()


def _run(command: list[str], environment: dict[str, str]) -> str:
    """Ask a client; empty when the controller does not answer: clients wait long for it."""
    try:
        done = subprocess.run(
            command, env=environment, text=True, capture_output=True, timeout=10, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def _wait(folder: Path, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + START_S
    while not ready():
        if time.monotonic() > end:
            logs = [path.read_text()[-2000:] for path in sorted(folder.glob("slurm*.log"))]
            raise TimeoutError("Slurm does not start:\n" + "\n".join(logs))
        time.sleep(0.2)


def _end_jobs(folder: Path, environment: dict[str, str]) -> None:
    """Kill what a cancelled job left behind: without cgroups Slurm may lose a process."""
    mark = f"SLURM_CONF={environment['SLURM_CONF']}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in variables and any(v.startswith(b"SLURM_JOB_ID=") for v in variables):
            os.kill(int(entry.parent.name), signal.SIGKILL)
