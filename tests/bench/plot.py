"""What a guarded start costs with ever more packages, drawn as tests/data/startup.svg: part of `make bench`."""

from __future__ import annotations

import math
import platform
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.commands import FETTER
from tests.bench.guard import Guarded, guarded_by_fetter, paired
from tests.support import DATA

SIZES = (10, 50, 100, 325, 1000, 2000)
PAIRS = (300, 21)  # fewer of what takes seconds
COLOURS = ("#1f5fa8", "#c2571a")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 80, 120, 50, 60
DECADES = range(-1, 5)  # of milliseconds


def measure(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Milliseconds beyond the same start without a guard, by number of packages."""
    points: dict[str, list[tuple[int, float]]] = {
        "envlock": [],
        FETTER.replace("==", " "): [],
    }
    print(
        "unchanged start, milliseconds beyond a start without the guard, medians of paired differences:"
    )
    for size in SIZES:
        plain, ours = (
            Guarded(folder / f"plain-{size}", size),
            Guarded(folder / f"envlock-{size}", size),
        )
        theirs = guarded_by_fetter(folder / f"fetter-{size}", size)
        plain.plain()
        ours.settle()
        for title, start, pairs in zip(points, (ours.start, theirs), PAIRS):
            base, more = paired(plain.start, start, pairs)
            points[title].append((size, more))
            print(f"  {size:5} packages, {title:14} {more:+9.2f} of {base:.1f}")
    return points


def across(packages: float) -> float:
    share = math.log(packages / SIZES[0]) / math.log(SIZES[-1] / SIZES[0])
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def up(milliseconds: float) -> float:
    """Noise around nothing stands on the ground line."""
    share = (math.log10(max(milliseconds, 10 ** DECADES[0])) - DECADES[0]) / (
        len(DECADES) - 1
    )
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def text(
    x: float, y: float, words: str, anchor: str = "middle", colour: str = "#333"
) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="13" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def line(points: str, colour: str, width: float) -> str:
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def draw(points: dict[str, list[tuple[int, float]]]) -> str:
    """Both axes are logarithmic; on a ground of its own, so that a dark page shows it, too."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(
            LEFT,
            24,
            f"What a guard adds to an unchanged start of {python} (both scales logarithmic)",
            "start",
        ),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "installed packages"),
    ]
    for decade in DECADES:
        y = up(10**decade)
        parts.append(line(f"{LEFT},{y:.1f} {WIDTH - RIGHT},{y:.1f}", "#ddd", 1))
        parts.append(text(LEFT - 8, y + 4, f"{10**decade:,} ms", "end"))
    parts += [text(across(size), HEIGHT - BOTTOM + 20, f"{size:,}") for size in SIZES]
    for (title, series), colour in zip(points.items(), COLOURS):
        places = [(across(size), up(taken)) for size, taken in series]
        parts.append(line(" ".join(f"{x:.1f},{y:.1f}" for x, y in places), colour, 2))
        for (x, y), (_, taken) in zip(places, series):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
            parts.append(
                text(
                    x,
                    y - 10,
                    f"{taken:,.0f}" if taken >= 10 else f"{taken:.2f}",
                    colour=colour,
                )
            )
        parts.append(
            text(places[-1][0] + 14, places[-1][1] + 4, title, "start", colour)
        )
    return "\n".join([*parts, "</svg>", ""])


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="envlock-bench-") as folder:
        points = measure(Path(folder))
    (DATA / "startup.svg").write_text(draw(points), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
