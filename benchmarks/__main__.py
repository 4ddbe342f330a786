"""Run every benchmark and print the README's performance table.

    python -m benchmarks [--quick] [--readme]

`--readme` also writes what was measured into README.md, between its two marker comments. Each program runs in a process
of its own, so that one's memory peak is not another's.
"""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
ON_JAX = {"model_time.py", "plugin_jax.py"}
RATIO = re.compile(r"^RATIO (\S+) (\S+) goal (\S+)$", re.MULTILINE)


def programs() -> list[Path]:
    """All benchmark programs: the files here that are run by themselves, but this one, and those without their device."""
    left_out = {Path(__file__).name} | (set() if _jax_has_a_gpu() else ON_JAX)
    files = (path for path in Path(__file__).parent.glob("*.py") if path.name not in left_out)
    return sorted(path for path in files if '__name__ == "__main__"' in path.read_text(encoding="utf-8"))


def _jax_has_a_gpu() -> bool:
    # In a process of its own: JAX takes most of a GPU's memory when it starts.
    looks = "import sys, jax; sys.exit(jax.devices()[0].platform != 'gpu')"
    return find_spec("jax") is not None and not subprocess.run([sys.executable, "-c", looks], check=False).returncode


def run(program: Path, flags: list[str]) -> str:
    """Run one program and return what it printed, which is also passed through."""
    command = [sys.executable, str(program), *flags]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, flush=True)
    if done.returncode:
        sys.exit(f"benchmarks/{program.name} failed with exit code {done.returncode}")
    return done.stdout


def summary(printed: dict[str, str]) -> str:
    """Markdown: the claims as a table, then everything that was printed (name of program -> its output)."""
    lines = ["| claim | value | goal | reached | command |", "|---|---|---|---|---|"]
    for name, output in printed.items():
        for claim, value, goal in RATIO.findall(output):
            reached = "yes" if float(value) >= float(goal) else "no"
            lines.append(f"| {claim.replace('_', ' ')} | {value} | {goal} | {reached} | `python benchmarks/{name}` |")
    tables = "\n".join(RATIO.sub("", output).strip() + "\n" for output in printed.values())
    return "\n".join([*lines, "", "```text", tables.strip(), "```"])


def main(words: list[str]) -> None:
    """Run all; print the summary; put it into the README when asked to."""
    flags = [word for word in words if word == "--quick"]
    text = summary({program.name: run(program, flags) for program in programs()})
    print(text)
    if "--readme" in words:
        readme = ROOT / "README.md"
        before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
        readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
