"""Dashboards and JupyterLab behind their doors."""

from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import DeskCommand, home_of

if TYPE_CHECKING:
    from collections.abc import Callable

PORT = click.IntRange(0, 65535)


def _doors(function: "Callable[..., Any]") -> "Callable[..., Any]":
    """Add the options of an address and its locks."""
    for option in (
        click.option("--host", help="Address to listen on; any but loopback needs a login and TLS."),
        click.option("--port", type=PORT, help="Port; 0 takes a free one."),
        click.option("--certificate", type=click.Path(exists=True), help="TLS certificate (PEM)."),
        click.option("--private-key", type=click.Path(exists=True), help="TLS private key (PEM)."),
        click.option("--browser/--no-browser", default=True, show_default=True, help="Open a browser."),
    ):
        function = option(function)
    return function


@click.command(cls=DeskCommand)
@_doors
@click.pass_context
def serve(ctx: click.Context, /, **doors: Any) -> None:
    """Serve the dashboards with Voila; the address with its token is printed."""
    from workbench.server import serve_dashboards

    serve_dashboards(**_arguments(ctx, doors, port="port", kernels=True))


@click.command(cls=DeskCommand)
@_doors
@click.pass_context
def lab(ctx: click.Context, /, **doors: Any) -> None:
    """Open JupyterLab on the desk's notebooks; the address with its token is printed."""
    from workbench.server import launch_lab

    launch_lab(**_arguments(ctx, doors, port="lab_port", kernels=False))


@click.command(cls=DeskCommand)
@click.password_option(help="The new password; asked for when not given.")
@click.pass_context
def password(ctx: click.Context, password: str) -> None:
    """Set the login that serving to another host needs; only its hash is kept."""
    from workbench.security import hash_password
    from workbench.settings import make_home, write_setting

    home = make_home(home_of(ctx))
    write_setting(home, "server.password_hash", hash_password(password))
    click.echo(f"The login of {home} is set.")


def _arguments(ctx: click.Context, doors: dict[str, Any], *, port: str, kernels: bool) -> dict[str, Any]:
    """Join the options with the desk's settings; an option wins."""
    from workbench.settings import home_folder, load_settings

    home = home_folder(home_of(ctx))
    server = load_settings(home).server
    arguments: dict[str, Any] = {
        "home": home,
        "host": doors["host"] or server.host,
        "port": doors["port"] if doors["port"] is not None else getattr(server, port),
        "token": server.token.get_secret_value() if server.token else None,
        "certificate": doors["certificate"] or server.certificate,
        "private_key": doors["private_key"] or server.private_key,
        "password_hash": server.password_hash.get_secret_value() if server.password_hash else None,
        "open_browser": doors["browser"],
    }
    if kernels:
        arguments |= {
            "preheated_kernels": server.preheated_kernels,
            "cull_idle_seconds": server.cull_idle_seconds,
        }
    return arguments
