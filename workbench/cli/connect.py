"""Connect outside services: ask for their keys, prove them, keep them safely, and tell how each one is."""

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import DeskCommand, pass_desk

if TYPE_CHECKING:
    from workbench.desk import Desk
    from workbench.vendors import Credential, Vendor

CONNECTION_COLUMNS = {
    "service": ("Service", ""),
    "shown": ("State", ""),
    "detail": ("What it said", ""),
    "keys": ("Keys", ""),
    "what_to_do": ("What to do", ""),
}


@click.command(cls=DeskCommand)
@click.argument("service")
@click.option(
    "--key",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A credential by name; may be repeated. A secret here stays in your shell's history: better let the "
    "command ask, or use --stdin or the environment.",
)
@click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read NAME=VALUE lines from standard input, for scripts."
)
@click.option("--keep", is_flag=True, help="Keep the keys even where they could not be proved.")
@pass_desk
def connect(desk: "Desk", service: str, given: tuple[str, ...], from_stdin: bool, keep: bool) -> None:
    """Connect SERVICE: ask for its keys, prove them by one call, and keep them where nobody reads along.

    Example: workbench connect alpaca
    """
    from workbench.providers import vendor_of

    vendor = vendor_of(service)
    values = dict(_pair(text, vendor) for text in given)
    for part in vendor.credentials:
        if part.secret and part.name in values:
            click.echo(
                f"Note: the {part.label} now stands in your shell's history; "
                f"`workbench connect {service}` alone asks for it unseen.",
                err=True,
            )
    if from_stdin:
        lines = [line for line in sys.stdin.read().splitlines() if line.strip()]
        values |= dict(_pair(line, vendor) for line in lines)
    elif sys.stdin.isatty():
        values |= _asked(desk, vendor, values)
    connection = desk.connect(service, keep=keep, **values)
    for line in connection.lines():
        click.echo(line)


@click.command(cls=DeskCommand)
@click.argument("service")
@pass_desk
def disconnect(desk: "Desk", service: str) -> None:
    """Remove the keys of SERVICE from where this desk keeps them."""
    from workbench.providers import vendor_of
    from workbench.security import variable_name

    vendor = vendor_of(service)
    known = desk.disconnect(service)
    click.echo(
        f"{vendor.label} is disconnected; its keys are gone."
        if known
        else f"{vendor.label} had no keys here."
    )
    kept = [
        name
        for name in (variable_name(service, part.name) for part in vendor.credentials)
        if os.environ.get(name)
    ]
    if kept:
        click.echo(f"Still in your environment: {', '.join(kept)}.")


@click.command(cls=DeskCommand)
@pass_desk
def connections(desk: "Desk") -> None:
    """Show the state of every service; nothing is asked of any."""
    show_connections(desk)


def show_connections(desk: "Desk") -> None:
    """Print the states of the services as one table."""
    from workbench.cli.show import show_frame

    frame = desk.connections()
    states = [_state(*row) for row in frame[["state", "since", "retry_at"]].itertuples(index=False)]
    show_frame(
        frame.assign(shown=states),
        CONNECTION_COLUMNS,
        title="Services",
        note=f"{frame.note}; where each is reached and what it gives: docs/services.md",
    )


def _asked(desk: "Desk", vendor: "Vendor", known: dict[str, str]) -> dict[str, str]:
    """Ask a person for what is not known yet; secrets are not shown while they are typed."""
    from workbench.security import variable_name

    click.echo(f"{vendor.label}. {vendor.connect_hint}")
    click.echo(f"Where to find it: {vendor.help_url}")
    answers: dict[str, str] = {}
    for part in vendor.credentials:
        if part.name in known or os.environ.get(variable_name(vendor.name, part.name)):
            continue
        if part.name == "access_token" and ("request_token" in known or "request_token" in answers):
            continue
        if part.name == "request_token":
            _show_login(desk, vendor, known | answers)
        answer = _prompt(part)
        if answer:
            answers[part.name] = answer
    if not vendor.credentials:
        _show_login(desk, vendor, known)
        if desk.login_link(vendor.name):
            click.prompt("Press Enter when you have logged in", default="", show_default=False)
    return answers


def _prompt(part: "Credential") -> str:
    text = part.label if part.required else f"{part.label} (Enter leaves it out)"
    while True:
        answer: str = click.prompt(
            text, hide_input=part.secret, default="", show_default=False, err=True
        ).strip()
        if answer or not part.required:
            return answer


def _show_login(desk: "Desk", vendor: "Vendor", keys: dict[str, str]) -> None:
    """Show the page on which the user logs in, where the service has one."""
    wanted = {name: value for name, value in keys.items() if name == "api_key"}
    link = desk.login_link(vendor.name, **wanted)
    if link:
        click.echo(f"Log in here: {link}")


def _pair(text: str, vendor: "Vendor") -> tuple[str, str]:
    name, separator, value = text.partition("=")
    names = [part.name for part in vendor.credentials]
    if not separator or name.strip() not in names:
        # The text may be a secret: it is not repeated.
        raise click.BadParameter(
            f"give NAME=VALUE, where NAME is one of {', '.join(names)}."
            if names
            else f"{vendor.label} needs no keys."
        )
    return name.strip(), value.strip()


def _state(state: str, since: Any, retry_at: Any) -> str:
    """Say a state with its time, as in "rate limited until 14:32 UTC"."""
    import pandas as pd

    from workbench.desk.connections import in_words

    words = in_words(state)
    if state == "rate_limited" and not pd.isna(retry_at):
        return f"{words} until {pd.Timestamp(retry_at):%H:%M} UTC"
    if state == "unreachable" and not pd.isna(since):
        return f"{words} since {pd.Timestamp(since):%Y-%m-%d %H:%M} UTC"
    return words
