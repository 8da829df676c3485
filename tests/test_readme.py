"""The README: its commands, run one after the other as they stand, print what it shows."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Iterator

import envlock
from tests.support import ENVLOCK, ROOT, make_wheel, run
from tests.tools import picture, release

README = (ROOT / "README.md").read_text(encoding="utf-8")
# What the README was written with: another Python has another folder there.
WRITTEN_WITH = "lib/python3.13/"
HOME = "/home/ada"
WHEN = "at: 2026-11-23T00:30:14Z"


def blocks() -> Iterator[list[tuple[str, str]]]:
    """The commands of each block that shows a terminal, with what it shows of their output."""
    for block in re.findall(r"(?:^    .*\n)+", README, re.MULTILINE):
        lines = [line[4:] for line in block.splitlines()]
        if not lines[0].startswith("$ "):
            continue
        commands: list[tuple[str, str]] = []
        for line in lines:
            if line.startswith("$ "):
                commands.append((line[2:], ""))
            else:
                commands[-1] = (commands[-1][0], f"{commands[-1][1]}{line}\n")
        yield commands


def make_project(home: Path) -> Path:
    """A project as the README's story has it: a copied file, one requirement, and an index of four packages."""
    project = home / "project"
    wheels = home / "wheels"
    make_wheel(wheels, "web-client", "2.32.3", ["url-parts<2", "char-tables"])
    for name, version in (
        ("url-parts", "1.25.0"),
        ("url-parts", "1.26.0"),
        ("char-tables", "3.3.2"),
        ("colour-tools", "0.4.6"),
    ):
        make_wheel(wheels, name, version)
    project.mkdir()
    shutil.copy(ENVLOCK, project)
    (project / "requirements.txt").write_text("web-client==2.32.3\n", encoding="utf-8")
    (project / "app.py").write_text("print('the application runs')\n", encoding="utf-8")
    made = run([sys.executable, "-m", "venv", project / ".venv"])
    assert made.returncode == 0, made.stderr
    python = project / ".venv" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "-q", "--no-index", "--find-links", wheels]
    made = run(
        [*pip, "-r", project / "requirements.txt"], env={"PIP_CONFIG_FILE": os.devnull}
    )
    assert made.returncode == 0, made.stderr
    held = run(
        [python, "-m", "pip", "freeze"], env={"PIP_CONFIG_FILE": os.devnull}
    ).stdout
    (project / "requirements.lock").write_text(held, encoding="utf-8")
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to(sys.executable)
    return project


@unittest.skipIf(os.name == "nt", "the README's commands are a POSIX shell's")
class TestReadme(unittest.TestCase):
    maxDiff = None

    def test_its_commands_print_what_it_shows(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="envlock-")
        self.addCleanup(folder.cleanup)
        home = Path(folder.name).resolve()
        project = make_project(home)
        library = next((project / ".venv").glob("lib/p*/")).name
        env = {
            "HOME": str(home),
            "PATH": f"{home / 'bin'}:{project / '.venv' / 'bin'}:{os.environ['PATH']}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(home / "wheels"),
        }
        shown = list(blocks())
        self.assertGreaterEqual(sum(map(len, shown)), 15)
        for commands in shown:
            # what is younger than 0.1 s when a start judges it isn't kept
            script = "".join(
                f"{command}\ns=$?; printf '\\036'; sleep 0.2; (exit $s)\n"
                for command, _ in commands
            )
            done = run(
                ["sh", "-c", f"exec 2>&1\n{script}"], cwd=project, env=env, timeout=300
            )
            output = done.stdout.replace(f"lib/{library}/", WRITTEN_WITH).replace(
                str(home), HOME
            )
            told = re.sub(r"at: [-0-9]+T[:0-9]+Z", WHEN, output).split("\036")
            for (command, expected), printed in zip(commands, told):
                with self.subTest(command=command):
                    self.assertEqual(printed, expected)
            self.assertEqual(len(told), len(commands) + 1, done.stdout)

    def test_it_names_each_command_and_option(self) -> None:
        for command in envlock.COMMANDS:
            self.assertIn(command.word, README)
            for option in command.options():
                with self.subTest(command=command.word, option=option.names):
                    self.assertRegex(
                        README,
                        "|".join(
                            rf"(?<![\w-]){re.escape(name)}(?![\w-])"
                            for name in option.names
                        ),
                    )

    def test_it_names_each_output_format(self) -> None:
        for command in envlock.COMMANDS:
            for word in command.words:
                with self.subTest(command=command.word, word=word.word):
                    self.assertIn(f"`{word.word}", README)

    def test_its_pictures_are_there_and_as_drawn(self) -> None:
        pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
        self.assertGreaterEqual(len(pictures), 2)
        for path in pictures:
            self.assertTrue((ROOT / path).is_file(), path)
        self.assertEqual(picture.PICTURE.read_text(encoding="utf-8"), picture.draw())

    def test_its_links_lead_to_a_heading(self) -> None:
        headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
        anchors = {
            re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in headings
        }
        anchors |= set(re.findall(r'<a id="([^"]+)">', README))
        links = re.findall(r"\]\(#([^)]+)\)", README)
        self.assertGreater(len(links), 10)
        self.assertEqual(set(links) - anchors, set())

    def test_an_index_page_can_show_its_pictures(self) -> None:
        text = release.with_absolute_links(README, envlock.__version__)
        addresses = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
        start = f"{envlock.PROJECT_URL}/raw/v{envlock.__version__}/"
        self.assertEqual(
            [address for address in addresses if not address.startswith(start)], []
        )
        self.assertEqual(re.findall(r"\]\((?!https://|#)[^)]+\)", text), [])

    def test_the_licence_stands_in_the_file(self) -> None:
        head = ENVLOCK.read_text(encoding="utf-8").partition('"""')[0]
        self.assertIn("# Copyright (c) 2026 the envlock developers\n", head)
        for words in (
            "Permission is hereby granted",
            'THE SOFTWARE IS PROVIDED "AS IS"',
            "SOFTWARE.\n",
        ):
            self.assertIn(words, head)
        self.assertTrue(os.access(ENVLOCK, os.X_OK))

    def test_its_formats_are_those_of_the_table(self) -> None:
        for form in envlock._FORMATS:
            with self.subTest(format=form.title):
                self.assertTrue(form.title.split(" ")[0].strip("*") in README)
