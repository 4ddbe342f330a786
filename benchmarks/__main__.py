"""Run every benchmark and print the README's performance table.

    python -m benchmarks [--quick] [--readme]

`--readme` also writes the table into README.md, between its two marker comments. Each program runs in a process of
its own, so that one's memory peak is not another's.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
RATIO = re.compile(r"^RATIO (\S+) (\S+) goal (\S+)$", re.MULTILINE)


def programs() -> list[Path]:
    """All benchmark programs: the files here that are run by themselves."""
    return sorted(path for path in Path(__file__).parent.glob("*.py") if '__name__ == "__main__"' in path.read_text())


def rows_of(program: Path, flags: list[str]) -> list[str]:
    """Run one program, pass its output through, and return its claims as table rows."""
    done = subprocess.run(
        [sys.executable, str(program), *flags], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, flush=True)
    if done.returncode:
        sys.exit(f"benchmarks/{program.name} failed with exit code {done.returncode}")
    command = f"`python benchmarks/{program.name}`"
    return [
        f"| {name.replace('_', ' ')} | {value} | {goal} | {'yes' if float(value) >= float(goal) else 'no'} | {command} |"
        for name, value, goal in RATIO.findall(done.stdout)
    ]


def main(words: list[str]) -> None:
    """Run all; print the table; put it into the README when asked to."""
    flags = [word for word in words if word == "--quick"]
    own = Path(__file__).name
    rows = [row for program in programs() if program.name != own for row in rows_of(program, flags)]
    table = "\n".join(["| claim | value | goal | reached | command |", "|---|---|---|---|---|", *rows])
    print(f"{os.cpu_count()} cores\n{table}")
    if "--readme" in words:
        readme = ROOT / "README.md"
        before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
        readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
