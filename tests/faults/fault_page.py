"""The page docs/faults.md, from the rows that the tests see."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
# The figures of the last paragraph: see tests/fuzz/run.py.
INTRODUCTION = """# Faults

What happens when something goes wrong. Each row is made by a test that causes the fault and checks
the message, the exit code and the files that are left. With exit code 0 the run continues, and the
message is in the log. Numbers and names are those of the tests.

Whatever goes wrong, `microexpr` writes one line per cause, with the clip or the file and what to
do. Its exit codes are 2 for what you can fix; 1 for a fault of this package; 130, 143 and 129 after
Ctrl-C, SIGTERM and SIGHUP; 141 where nothing reads its output any more. The trace of an error is in
the log of the job; by hand, `MICROEXPR_TRACE=1 microexpr ...` shows it. Snakemake exits with 1
where a job failed, whose message it shows, and after a signal as `microexpr` does.

This page is written by the tests: `pytest tests/faults --write-faults`. A test fails if page and
tests differ. No file is ever incomplete: an output gets its name when it is complete.

Programs that read files of other origin are also tested with random bytes, which are derived from
valid files. They must read such a file or refuse it with one line. The test suite does this a
hundred times per reader. With fuzzing guided by coverage (`python tests/fuzz/run.py`, four minutes
per reader), 7,355 configuration files, 2,493,104 inline settings, 242,903 tables, 204,819 weights
files and 110,663 caches passed. Three kinds of errors were found and fixed before: a cache with a
chunk shorter than its checksum ended the process, an empty table of clips gave a traceback, and two
messages repeated the whole file.
"""
HEADER = "| what happened | message | exit code | lost |\n| --- | --- | --- | --- |\n"


@dataclass
class Rows:
    """Rows by section and fault, and whether a test that makes one was skipped."""

    found: dict[tuple[str, str], str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def text(self, kept: str = "") -> str:
        """Return the page; rows of `kept`, an older one, stay where no test that ran made one."""
        found = rows_of(kept) | self.found
        parts = [INTRODUCTION]
        for section in sorted({section for section, _ in found}):
            rows = sorted(row for (name, _), row in found.items() if name == section)
            parts.append(f"\n## {section}\n\n{HEADER}{''.join(rows)}")
        return "".join(parts)


def rows_of(page: str) -> dict[tuple[str, str], str]:
    """Read a page's rows by section and fault."""
    found, section = {}, ""
    for line in page.splitlines(keepends=True):
        if line.startswith("## "):
            section = line[3:].strip()
        elif line.startswith("| ") and line not in HEADER:
            found[section, line.split(" | ")[0].removeprefix("| ")] = line
    return found


def plain(message: str, folder: Path) -> str:
    """Spell a message as another run and another machine would."""
    text = message.replace(f"{folder}/", "").replace(str(folder), ".")
    text = text.replace(f"{PAGE.parents[1]}/", "")
    text = re.sub(r"\b[0-9a-f]{64}\b", "<sha256>", text)
    text = re.sub(r"\b[0-9a-f]{32}\b", "<code>", text)
    text = re.sub(r"\b(?=[0-9a-f]*\d)[0-9a-f]{16}\b", "<code>", text)
    return text.replace("|", "\\|")
