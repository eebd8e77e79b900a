"""Benchmarks one after another, into benchmarks/results.json and docs/benchmarks.md; results not run again stay."""

import ast
import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
_OWN_COLUMNS = ("name", "value", "unit", "goal")


def main(names: Annotated[list[str] | None, typer.Argument(help="all if none is named")] = None) -> None:
    """Run them, and write what each printed last as soon as it has."""
    for name in names or sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py")):
        script = ROOT / "benchmarks" / f"{name}.py"
        done = subprocess.run([sys.executable, str(script)], check=True, stdout=subprocess.PIPE, text=True)
        sys.stdout.write(done.stdout)
        results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        results = dict(sorted({**results, name: json.loads(done.stdout.splitlines()[-1])}.items()))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page(results), encoding="utf-8")


def page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of the results, and each method: the first paragraphs of the benchmark's docstring."""
    lines = [
        "# Benchmarks",
        "",
        "Each figure is a ratio of two works that took turns in one run, medians of both: one machine's seconds say",
        f"nothing about another's. Made by `make bench` ({platform.machine()}, Python {platform.python_version()}).",
        "",
        "| benchmark | value | goal | details |",
        "| --- | ---: | ---: | --- |",
    ]
    for name, found in results.items():
        details = ", ".join(f"{key} {value}" for key, value in found.items() if key not in _OWN_COLUMNS)
        lines.append(f"| `{name}` | {found['value']} {found['unit']} | {found['goal']} | {details} |")
    for name in results:
        text = ast.get_docstring(ast.parse((ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8"))) or ""
        lines += ["", f"## {name}", "", text.split("\n\n    make bench")[0]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(main)
