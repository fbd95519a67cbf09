"""Snakemake's screen for this workflow: ``logger: microexpr`` in a profile.

It shows one line per job, the progress of running jobs, and the messages of failed jobs as the last
lines. A dry run, ``--verbose`` and ``--quiet`` show what Snakemake itself would show.

The Snakefile decides where microexpr is taken from, so it is imported at its first use only.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from functools import cached_property
from logging import LogRecord
from typing import TYPE_CHECKING, Any, TextIO

from rich.cells import set_cell_size
from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from microexpr.runtime.progress import Screen

TERMINAL_S = 1.0  # between two looks at the logs of running jobs
FILE_S = 60.0  # the same where lines cannot be overwritten
RED, PLAIN = "\033[31m", "\033[0m"
# Messages that mean nothing to a user of this workflow; all others are shown.
HIDDEN = (
    *("Assuming unrestricted shared filesystem", "At least one job did not complete"),
    *("Building DAG of jobs", "Complete log(s):", "Conda environments: ignored", "Config file "),
    *("Elapsed time:", "Execute ", "Exiting because a job execution failed"),
    *("Removing output files of failed job", "Removing temporary output"),
    *("Select jobs to execute", "Shutting down, this might take some time", "Using shell:"),
)
HIDDEN_EVENTS = {
    *(LogEvent.WORKFLOW_STARTED, LogEvent.RESOURCES_INFO, LogEvent.PROGRESS),
    *(LogEvent.JOB_STARTED, LogEvent.RULEGRAPH, LogEvent.GROUP_INFO, LogEvent.GROUP_ERROR),
}
JOBS = {LogEvent.JOB_INFO, LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR}


class Region:
    """Lines at the end of a terminal that are overwritten; without a terminal, nothing."""

    def __init__(self, stream: TextIO, *, live: bool) -> None:
        self._stream, self._live, self._height = stream, live, 0
        self._lines: list[str] = []

    def draw(self, lines: list[str]) -> None:
        """Replace the lines that were drawn before."""
        if not self._live or (self._height and lines == self._lines):
            return
        self.erase()
        self._lines = lines
        with contextlib.suppress(OSError):
            width, height = os.get_terminal_size(self._stream.fileno())
            # A line that wraps, or that has left the screen, could not be erased.
            lines = [set_cell_size(line, width - 1).rstrip() for line in lines[-(height - 1) :]]
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._height = len(lines)
        self._stream.flush()

    def erase(self) -> None:
        """Remove the lines."""
        if self._height:
            self._stream.write(f"\033[{self._height}F\033[J")
            self._height = 0


class LogHandler(LogHandlerBase):
    """Shows Snakemake's records; all its methods hold the handler's lock."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False
    lock: Any  # made by logging.Handler

    def __post_init__(self) -> None:
        """Prepare the screen; running jobs are watched from the first job on."""
        settings = self.common_settings
        self._stream = sys.stdout if settings.stdout else sys.stderr
        quiet = set(settings.quiet or ())
        options = (settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds)
        self._plain = ColorizingTextHandler(
            nocolor=settings.nocolor,
            stream=self._stream,
            formatter=DefaultFormatter(quiet, settings.show_failed_logs),
            filter=DefaultFilter(quiet, *options),
        )
        self._as_usual = settings.dryrun or settings.verbose or bool(quiet)
        self._live = self._plain.is_tty and os.environ.get("TERM") != "dumb"
        self._region = Region(self._stream, live=self._live)
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    @cached_property
    def _screen(self) -> Screen:
        from microexpr.runtime.progress import Screen

        return Screen()

    def emit(self, record: LogRecord) -> None:
        """Show one record."""
        try:
            self._show(record)
            if self._ticker.is_alive():
                self._region.draw(self._screen.running())
        except Exception:  # the thread that passes the records on must not end
            self.handleError(record)

    def close(self) -> None:
        """Write the last lines, after everything that Snakemake reports."""
        if not self._over.is_set():
            self._over.set()
            with self.lock:
                self._region.erase()
                if "_screen" in vars(self):
                    for line in self._screen.closing():
                        self._write(line)
        super().close()

    def _show(self, record: LogRecord) -> None:
        event, own = getattr(record, "event", None), []
        if event == LogEvent.ERROR:
            from microexpr.runtime.progress import own_message

            own = own_message(record.getMessage())
        if self._as_usual and not own:
            self._plain.handle(record)
        elif own:
            for line in own:
                self._write(line, RED)
        elif event in JOBS:
            self._show_job(record, event)
        elif _is_worth_showing(record, event):
            self._region.erase()
            self._plain.handle(record)
        if event == LogEvent.RUN_INFO and not self._as_usual:
            self._screen.plan(getattr(record, "stats", {}).get("total", 0))

    def _show_job(self, record: Any, event: LogEvent) -> None:
        if event == LogEvent.JOB_FINISHED:
            self._write_timed(self._screen.finish(record.job_id))
            return
        job = record.jobid, record.rule_name, list(record.log)
        if event == LogEvent.JOB_ERROR:
            self._write_timed(self._screen.fail(*job, record.rule_msg or ""), RED)
            return
        started = self._screen.start(*job, record.created)
        self._write_timed("" if self._live else started)
        if not self._ticker.is_alive():
            self._ticker.start()

    def _write_timed(self, line: str, colour: str = "") -> None:
        if line:
            self._write(f"{time.strftime('%H:%M:%S')} {line}", colour)

    def _write(self, line: str, colour: str = "") -> None:
        self._region.erase()
        coloured = f"{colour}{line}{PLAIN}" if colour and not self._plain.nocolor else line
        self._stream.write(f"{coloured}\n")
        self._stream.flush()

    def _tick(self) -> None:
        """Show the progress of running jobs until the run ends."""
        while not self._over.wait(TERMINAL_S if self._live else FILE_S):
            with self.lock:
                lines = self._screen.running()
                if self._live:
                    self._region.draw(lines)
                else:
                    for line in lines:
                        self._write_timed(line)


def _is_worth_showing(record: LogRecord, event: LogEvent | None) -> bool:
    text = record.getMessage()
    failed_command = "CalledProcessError in" in text and "returned non-zero exit" in text
    last = text.rpartition("WorkflowError:\n")[2]
    return event not in HIDDEN_EVENTS and not failed_command and not last.startswith(HIDDEN)
