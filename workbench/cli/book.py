"""The book, its Greeks and its risk."""

from typing import TYPE_CHECKING

import click

from workbench.cli.options import DeskCommand, pass_desk

if TYPE_CHECKING:
    from workbench.desk import Desk

as_of_option = click.option("--as-of", help="Session date or instant.  [default: the desk's clock]")

GREEK_COLUMNS = {
    "delta_shares": ("Delta, shares", ",.0f"),
    "dollar_delta": ("Delta, $", ",.0f"),
    "dollar_gamma_1pct": ("Gamma, $ per 1 %", ",.0f"),
    "vega_point": ("Vega, $ per pt", ",.0f"),
    "theta_day": ("Theta, $ per day", ",.0f"),
    "rho_point": ("Rho, $ per 1 %", ",.0f"),
}
POSITION_COLUMNS = {
    "description": ("Position", ""),
    "quantity": ("Quantity", ",.0f"),
    "price": ("Price, $", ",.2f"),
    "price_status": ("Quote", ""),
    "value": ("Value, $", ",.0f"),
    "day_pnl": ("Day P&L, $", "+,.0f"),
    "pnl": ("P&L, $", "+,.0f"),
    "dollar_delta": ("Delta, $", ",.0f"),
    "volatility_percent": ("Implied vol, %", ",.1f"),
}


@click.command(cls=DeskCommand)
@as_of_option
@pass_desk
def book(desk: "Desk", as_of: str | None) -> None:
    """Show the headline figures and the positions."""
    from workbench.cli.show import show_frame, show_pairs

    headline = desk.headline(as_of)
    moment = headline.as_of
    note = " · ".join(part for part in (moment.text, moment.label, headline.source) if part)
    show_pairs(headline.rows(), title=f"{desk.settings.name}: {moment.note}", note=note)
    positions = desk.book(as_of)
    positions["volatility_percent"] = positions["volatility"] * 100
    show_frame(positions.reset_index(drop=True), POSITION_COLUMNS, title="Positions", note=positions.note)
    for finding in headline.findings:
        click.echo(finding)


@click.command(cls=DeskCommand)
@click.option(
    "--by",
    type=click.Choice(["underlying", "expiry", "kind", "account", "strategy"]),
    default="underlying",
    show_default=True,
    help="How rows are grouped.",
)
@as_of_option
@pass_desk
def greeks(desk: "Desk", by: str, as_of: str | None) -> None:
    """Show the book's Greeks, in total and by group."""
    from workbench.cli.show import show_frame

    frame = desk.book_greeks(by=by, as_of=as_of)
    columns = {by: (by.capitalize(), ""), "value": ("Value, $", ",.0f"), **GREEK_COLUMNS}
    show_frame(frame, columns, title=frame.title, note=frame.note, total="Book")


@click.command(cls=DeskCommand)
@click.option("--spot", type=float, default=0.0, show_default=True, help="Relative change, -0.05 is -5 %.")
@click.option("--volatility", type=float, default=0.0, show_default=True, help="0.05 is five points up.")
@click.option("--days", type=float, default=0.0, show_default=True, help="Calendar days that pass.")
@as_of_option
@pass_desk
def stress(desk: "Desk", spot: float, volatility: float, days: float, as_of: str | None) -> None:
    """Revalue the book after a move of spot and volatility."""
    from workbench.cli.show import show_frame
    from workbench.desk.frames import format_number

    result = desk.stress(spot=spot, volatility=volatility, days=days, as_of=as_of)
    show_frame(
        result.positions,
        {
            "description": ("Position", ""),
            "quantity": ("Quantity", ",.0f"),
            "value": ("Value now, $", ",.0f"),
            "stressed_value": ("Value then, $", ",.0f"),
            "pnl": ("P&L, $", "+,.0f"),
        },
        title=f"{result.title}: {format_number(result.pnl, '+,.0f')} $, modelled",
        note=result.as_of.text,
    )
    for finding in result.findings:
        click.echo(finding)


@click.command(cls=DeskCommand)
@as_of_option
@pass_desk
def grid(desk: "Desk", as_of: str | None) -> None:
    """Show the scenario grid: P&L if spot and volatility move tonight."""
    from workbench.cli.show import show_frame
    from workbench.desk.frames import format_number

    table = desk.scenario_grid(as_of).T
    table.index = [f"{format_number(float(value) * 100, '+.0f')} pt" for value in table.index]
    table.index.name = "volatility"
    table.columns = [f"{format_number(float(value) * 100, '+.0f')} %" for value in table.columns]
    columns = {"volatility": ("Volatility", "")} | {name: (name, "+,.0f") for name in table.columns}
    show_frame(table, columns, title="P&L, $, if spot (across) and volatility (down) move; modelled",
               note=desk.as_of(as_of).text)  # fmt: skip


@click.command(cls=DeskCommand)
@click.option("--confidence", type=float, default=0.99, show_default=True, help="Of the loss quantile.")
@click.option("--horizon-days", type=int, default=1, show_default=True, help="Sessions ahead.")
@as_of_option
@pass_desk
def var(desk: "Desk", confidence: float, horizon_days: int, as_of: str | None) -> None:
    """Show value at risk and expected shortfall, by full revaluation over history."""
    from workbench.cli.show import show_pairs
    from workbench.desk.frames import format_number

    result = desk.value_at_risk(confidence, horizon_days=horizon_days, as_of=as_of)
    level = f"{confidence * 100:g} %"
    show_pairs(
        [
            (f"VaR {level}", format_number(result.var, ",.0f"), "$"),
            (f"ES {level}", format_number(result.es, ",.0f"), "$"),
            ("Observations", f"{result.observations:,}", "sessions"),
            ("Horizon", str(result.horizon_days), "sessions"),
        ],
        title=f"Value at risk, {result.method}",
        note=result.as_of.text,
    )
