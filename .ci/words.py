"""The words of comments and docstrings, counted, and the names that the glossary has retired.

    python .ci/words.py FOLDER...            figures per 1,000 words, retired names; 1 if a limit is passed
    python .ci/words.py --list FOLDER...     each docstring and comment that a limit speaks of, with its place

Limits are of all folders together. `make lint` runs it.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

# Per 1,000 words of comments and docstrings.
LIMITS = {"what": 3.0, "it": 12.0, "one": 4.0}
WORDS = {
    "what": re.compile(r"\b(what|whatever)\b", re.I),
    "it": re.compile(r"\b(it|its|they|them)\b", re.I),
    "one": re.compile(r"\b(one|ones)\b", re.I),
}
CLAUSE = re.compile(r"(What|Whatever|How much|How many|How far|Where|Which|Who|Whose)\b")
RETIRED = re.compile(
    r"\b(Desk|Wishes|Learnt|Remark|_?Gaze|Marked|Claims|Scope|Taps|Gate|Pace|Look|Successor|LocalEngine|Toolbox|ExactTrainerLike)\b"
)

Text = tuple[int, str]


def texts(source: str) -> Iterator[Text]:
    """Docstrings and comments with their lines."""
    yield from docstrings(source)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not re.match(r"#\s*(noqa|type:|fmt:)", token.string):
            yield token.start[0], token.string.lstrip("# ")


def docstrings(source: str) -> Iterator[Text]:
    """Docstrings of modules, classes, functions, and those under an assignment."""
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        for place in body if isinstance(body, list) else ():
            if (
                isinstance(place, ast.Expr)
                and isinstance(place.value, ast.Constant)
                and isinstance(place.value.value, str)
            ):
                yield place.lineno, place.value.value


def names(source: str) -> Iterator[Text]:
    """Names that are defined or imported, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.alias):
            yield node.lineno, node.name


def main(arguments: list[str]) -> int:
    """Print the figures; 1 where a limit is passed, a docstring begins with a clause, or a retired name stands."""
    listing = "--list" in arguments
    files = [file for folder in arguments if folder != "--list" for file in sorted(Path(folder).rglob("*.py"))]
    total, counts, faults = 0, dict.fromkeys(WORDS, 0), list[str]()
    for file in files:
        source = file.read_text(encoding="utf-8")
        for line, text in texts(source):
            total += len(re.findall(r"[A-Za-z']+", text))
            for word, pattern in WORDS.items():
                found = len(pattern.findall(text))
                counts[word] += found
                if listing and found:
                    print(f"{file}:{line}: {word}: {' '.join(text.split())[:150]}")
        faults += [
            f"{file}:{line}: a docstring that begins with a clause: {text.splitlines()[0]}"
            for line, text in docstrings(source)
            if CLAUSE.match(text)
        ]
        faults += [
            f"{file}:{line}: the name {name} is retired" for line, name in names(source) if RETIRED.fullmatch(name)
        ]
    print(f"{len(files)} files, {total} words in comments and docstrings")
    for word, count in counts.items():
        share = 1000 * count / max(total, 1)
        print(f"{word}: {share:.1f} in 1,000 words (limit {LIMITS[word]:g})")
        if share > LIMITS[word]:
            faults.append(f"'{word}' is used too often: {share:.1f} in 1,000 words")
    print("\n".join(faults))
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
