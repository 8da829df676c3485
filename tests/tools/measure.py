"""How dense Python files are, a row of a Markdown table each: `measure.py [--rooms] [--dense N] FILE...`.

`--rooms` adds a row for each room (the titles between two lines of `# ====`), `--dense N` the N densest statements.

- lines: all of them, also blank ones.
- functions: lines from `def` to the last one, with the functions in it, at the median, the 90th percentile and at most.
- nesting > 3: functions that have a statement below more than three of if, for, while, with and try; an `elif` and an
  `else` are as deep as their `if`.
- characters a code line: the mean, without indentation. Code lines are those that aren't blank, no comment alone and
  no docstring.
- syntax nodes a code line: all nodes of `ast`, contexts and operators too.
- nodes a statement: of statements in functions that have no body, docstrings included, at the 90th and 99th percentile.
- wide: code lines of more than 100 columns.
- nested comprehensions: those that lie in another, and those with a second `for`.
- comments: comment lines for each hundred lines.
"""

from __future__ import annotations

import argparse
import ast
import re
import statistics
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

TITLES = (
    "file",
    "lines",
    "functions: median / p90 / max",
    "nesting > 3",
    "characters a code line",
    "syntax nodes a code line",
    "nodes a statement p90 / p99",
    "wide",
    "nested comprehensions",
    "comments",
)
WIDE = 100
BANNER = re.compile(r"^# =+\n# (.+)\n# =+$", re.MULTILINE)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Source(NamedTuple):
    lines: list[str]
    tree: ast.Module
    docstrings: set[int]  # their lines


class Span(NamedTuple):
    """Lines of a file, counted from 1; the end is none of them."""

    title: str
    start: int
    end: int

    def holds(self, node: ast.stmt | ast.expr) -> bool:
        return self.start <= node.lineno < self.end


def is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def lines_of(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    strings = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and is_docstring(node)
    ]
    return Source(
        text.splitlines(), tree, {line for node in strings for line in lines_of(node)}
    )


def rooms(source: Source) -> Iterator[Span]:
    """Each titled room, and what stands above the first."""
    text = "\n".join(source.lines)
    starts = [("(top)", 1)]
    starts += [
        (banner[1], text.count("\n", 0, banner.start()) + 1)
        for banner in BANNER.finditer(text)
    ]
    ends = [start for _, start in starts[1:]] + [len(source.lines) + 1]
    for (title, start), end in zip(starts, ends):
        yield Span(title, start, end)


def depth(node: ast.AST, above: int = 0) -> int:
    """How many blocks stand in each other at most; the functions of a function count by themselves."""
    deepest = above
    for field, value in ast.iter_fields(node):
        children = (
            [child for child in value if isinstance(child, ast.AST)]
            if isinstance(value, list)
            else []
        )
        is_elif = isinstance(node, ast.If) and field == "orelse" and len(children) == 1
        for child in children:
            if isinstance(child, ast.If) and is_elif:
                deepest = max(deepest, depth(child, above))
            elif not isinstance(child, FUNCTIONS):
                deepest = max(deepest, depth(child, above + isinstance(child, BLOCKS)))
    return deepest


def simple_statements(source: Source, span: Span) -> list[ast.stmt]:
    """Statements without a body, in functions."""
    found: dict[ast.stmt, None] = {}
    for function in ast.walk(source.tree):
        if isinstance(function, FUNCTIONS) and span.holds(function):
            found.update(
                dict.fromkeys(
                    node for node in ast.walk(function) if isinstance(node, ast.stmt)
                )
            )
    return [node for node in found if not hasattr(node, "body")]


def size(node: ast.AST) -> int:
    return sum(1 for _ in ast.walk(node))


def percentile(numbers: Sequence[int], percent: int) -> int:
    return sorted(numbers)[len(numbers) * percent // 100] if numbers else 0


def nested_comprehensions(nodes: Sequence[ast.AST]) -> int:
    found: set[ast.AST] = set()
    for node in nodes:
        if isinstance(node, COMPREHENSIONS):
            found.update(
                child
                for child in ast.walk(node)
                if isinstance(child, COMPREHENSIONS) and child is not node
            )
            if len(node.generators) > 1:
                found.add(node)
    return len(found)


def measure(source: Source, span: Span) -> list[str]:
    texts = [
        (number, source.lines[number - 1].strip())
        for number in range(span.start, span.end)
    ]
    comments = [
        text
        for number, text in texts
        if text.startswith("#") and number not in source.docstrings
    ]
    code = [
        number
        for number, text in texts
        if text and text[0] != "#" and number not in source.docstrings
    ]
    top = [node for node in source.tree.body if span.holds(node)]
    nodes = [node for statement in top for node in ast.walk(statement)]
    functions = [node for node in nodes if isinstance(node, FUNCTIONS)]
    heights = [len(lines_of(node)) for node in functions]
    statements = [size(node) for node in simple_statements(source, span)]
    characters = [len(source.lines[number - 1].strip()) for number in code]
    return [
        span.title,
        f"{span.end - span.start:,}",
        f"{statistics.median(heights or [0]):g} / {percentile(heights, 90)} / {max(heights, default=0)}",
        str(sum(depth(node) > 3 for node in functions)),
        f"{statistics.mean(characters or [0]):.1f}",
        f"{len(nodes) / max(len(code), 1):.1f}",
        f"{percentile(statements, 90)} / {percentile(statements, 99)}",
        str(sum(len(source.lines[number - 1]) > WIDE for number in code)),
        str(nested_comprehensions(nodes)),
        f"{100 * len(comments) / max(span.end - span.start, 1):.1f}",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rooms", action="store_true", help="a row for each room, too")
    parser.add_argument(
        "--dense",
        type=int,
        default=0,
        metavar="N",
        help="the N statements of the most nodes",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    print(f"| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}")
    for path in arguments.files:
        source = read(path)
        whole = Span(path.name, 1, len(source.lines) + 1)
        for span in [whole, *(rooms(source) if arguments.rooms else ())]:
            print(f"| {' | '.join(measure(source, span))} |")
        dense = sorted(simple_statements(source, whole), key=size, reverse=True)[
            : arguments.dense
        ]
        for node in dense:
            print(f"{path}:{node.lineno}: {size(node)} nodes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
