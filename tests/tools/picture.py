"""Draws tests/data/how-it-works.svg, the README's picture: `python3 tests/tools/picture.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support import DATA

PICTURE = DATA / "how-it-works.svg"
WIDTH, HEIGHT = 760, 400
INK, FAINT, BLUE, GREEN, RED = "#333", "#777", "#1f5fa8", "#2b7a3d", "#b3261e"


def text(
    x: float, y: float, words: str, size: int = 13, colour: str = INK, weight: str = ""
) -> str:
    """A centred line; `weight` may be bold."""
    bold = ' font-weight="bold"' if weight else ""
    place = f'x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="middle"'
    return f'<text {place} fill="{colour}"{bold}>{words}</text>'


def box(
    x: float,
    y: float,
    width: float,
    title: str,
    lines: Sequence[str],
    colour: str = INK,
) -> str:
    """A rounded box with a title and further lines; (x, y) is its upper left corner."""
    height = 34 + 18 * len(lines)
    shape = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height}" rx="8" fill="#fff" stroke="{colour}"/>'
    middle = x + width / 2
    parts = [shape, text(middle, y + 22, title, 14, colour, "bold")]
    for number, line in enumerate(lines):
        parts.append(text(middle, y + 42 + 18 * number, line, 12, FAINT))
    return "\n".join(parts)


def arrow(points: str, colour: str = INK) -> str:
    """A line through points, `x,y x,y`, that ends with an arrow's head."""
    style = f'fill="none" stroke="{colour}" stroke-width="1.6" marker-end="url(#head)"'
    return f'<polyline points="{points}" {style}/>'


def draw() -> str:
    """The whole picture, on a ground of its own, so that it shows on a dark page, too."""
    head = '<path d="M0,0 L8,4 L0,8 z" fill="#333"/>'
    marker = f'<marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">{head}</marker>'
    view = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" role="img"'
    title = "envlock compares a bound with an environment, when it is asked or at every start"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view}>',
        f"<title>{title}</title>",
        f"<defs>{marker}</defs>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        box(
            20,
            24,
            220,
            "The bound",
            ["uv.lock, poetry.lock, pylock.toml,", "requirements.lock, ..."],
            BLUE,
        ),
        box(
            270,
            24,
            220,
            "envlock compares",
            ["names, versions, sources;", "files too, with --integrity"],
        ),
        box(
            520,
            24,
            220,
            "The environment",
            ["the packages that are installed", "in .venv, or in any Python"],
            BLUE,
        ),
        arrow("240,59 268,59"),
        arrow("520,59 492,59"),
        arrow("330,94 330,104 205,104 205,116"),
        arrow("430,94 430,104 555,104 555,116"),
        text(205, 130, "envlock validate", 14, INK, "bold"),
        text(205, 148, "asks once: you, or CI", 12, FAINT),
        text(555, 130, "envlock site-install exit", 14, INK, "bold"),
        text(555, 148, "asks at every start of that Python", 12, FAINT),
        arrow("205,154 205,170 110,170 110,184"),
        arrow("205,154 205,170 300,170 300,184"),
        box(30, 186, 160, "equal", ["prints nothing", "exit status 0"], GREEN),
        box(220, 186, 160, "different", ["prints a table", "exit status 3"], RED),
        arrow("555,154 555,170 470,170 470,184"),
        arrow("555,154 555,170 650,170 650,184"),
        box(
            400, 186, 150, "equal", ["your program runs", "(unchanged: 0.4 ms)"], GREEN
        ),
        box(
            570,
            186,
            170,
            "different",
            ["prints a table, and ends", "before your code runs"],
            RED,
        ),
        arrow("300,256 300,286 380,286 380,298"),
        arrow("655,256 655,286 380,286 380,298"),
        box(
            230,
            300,
            300,
            "repair",
            [
                "with your own tool: uv sync, pip install -r ...",
                "which may start whatever differs",
            ],
            BLUE,
        ),
    ]
    return "\n".join([*parts, "</svg>", ""])


def main() -> int:
    PICTURE.write_text(draw(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
