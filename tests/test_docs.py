"""What the documents promise exists: commands, options, links, settings and code."""

import ast
import re
from pathlib import Path

import click
import pytest

from workbench.cli.main import COMMANDS, main
from workbench.settings import DeskSettings

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    PROJECT / "README.md",
    *sorted((PROJECT / "docs").glob("*.md")),
    PROJECT / "deploy" / "README.md",
]


def fenced(text, language):
    """Return the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    """Relative links and pictures."""
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_shown_exists_with_its_options(path):
    """Each `workbench ...` of a document names a command and options that it has."""
    text = path.read_text()
    lines = re.findall(r"`(workbench [^`\n]+)`", text)
    for block in fenced(text, "bash"):
        lines += re.findall(r"(?:^|&& )(workbench [^\n#|&]+)", block, flags=re.MULTILINE)
    for line in lines:
        words = line.split()[1:]
        if not words or words[0].startswith(("-", "<", "{")):
            continue
        assert words[0] in COMMANDS, f"{path.name}: {line}"
        command = main.get_command(None, words[0])
        rest = words[1:]
        if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            assert rest[0] in command.commands, f"{path.name}: {line}"
            command = command.commands[rest[0]]
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        known |= {"--help", "-h"}
        for word in rest:
            if re.match(r"--?[a-z]", word):
                assert word.split("=")[0] in known, f"{path.name}: {line}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_python_block_is_python(path):
    """Code blocks parse."""
    for block in fenced(path.read_text(), "python"):
        ast.parse(block)


def test_every_setting_stands_in_its_table():
    """Names and nothing else: docs/settings.md lists each setting of the code."""
    text = (PROJECT / "docs" / "settings.md").read_text()
    for name, field in DeskSettings.model_fields.items():
        section = getattr(field.annotation, "model_fields", None)
        names = [f"{name}.{key}" for key in section] if section else [name]
        for full in names:
            assert f"`{full}`" in text, full


def test_no_machine_is_named():
    """No path of a machine and no registry host in what people read."""
    for path in DOCUMENTS:
        assert not re.search(r"(?<![\w.~])/(home|root|tmp|work|mnt|opt)/", path.read_text()), path.name
