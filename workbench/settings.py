"""Settings of a desk in layers: defaults, its ``settings.toml``, ``WORKBENCH_*`` of the environment."""

import os
import sys
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
import tomlkit.exceptions
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariableError

from workbench.errors import DeskHomeError, SettingsError

SETTINGS_FILE = "settings.toml"
DEFAULT_HOME = "workbench-desk"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class ClockSettings(_Section):
    """Which instant the desk calls now."""

    as_of: date | None = Field(None, description="Fixed session date; empty means the wall clock.")
    label: str = Field("", description="Shown beside every as-of, as in 'sample data'.")


class MarketSettings(_Section):
    """Assumptions of the market that no table holds yet."""

    calendar: str = Field("XNYS", description="Exchange calendar of sessions (exchange_calendars name).")
    currency: str = Field("USD", description="Currency of the desk's figures.")
    # Past these bounds somebody wrote per cent.
    rate: float = Field(
        0.0, ge=-1, le=1, description="Assumed interest rate, continuously compounded per year (0.05 is 5 %)."
    )
    dividend_yield: float = Field(
        0.0, ge=-1, le=1, description="Assumed dividend yield, continuously compounded per year."
    )


class RiskSettings(_Section):
    """How the headline risk figures are made."""

    confidence: float = Field(0.99, gt=0.5, lt=1, description="Confidence of the headline VaR and ES.")
    lookback_sessions: int = Field(
        500, ge=50, le=10_000, description="Sessions of history behind historical VaR."
    )
    grid_spot: tuple[Annotated[float, Field(gt=-1, le=10)], ...] = Field(
        (-0.10, -0.08, -0.06, -0.04, -0.02, 0.0, 0.02, 0.04, 0.06, 0.08, 0.10),
        min_length=1,
        max_length=101,
        description="Relative changes of spot across the scenario grid.",
    )
    grid_volatility: tuple[Annotated[float, Field(ge=-10, le=10)], ...] = Field(
        (0.12, 0.08, 0.04, 0.0, -0.04),
        min_length=1,
        max_length=101,
        description="Absolute changes of volatility down the scenario grid (0.04 is four points).",
    )


class StoreSettings(_Section):
    """What one process may take of the machine."""

    threads: int = Field(2, ge=1, le=256, description="Threads of DuckDB in this process.")
    memory_limit: str = Field(
        "2GB",
        pattern=r"^\d+(\.\d+)? ?[MGT]i?B$",
        description="Memory that DuckDB may use in this process, as in 500MB or 2GB.",
    )
    lock_timeout_seconds: float = Field(120.0, gt=0, description="How long a write waits for its turn.")
    cache_megabytes: int = Field(
        256, ge=0, description="Megabytes of answers that one process keeps in memory; 0 keeps none."
    )


class ServerSettings(_Section):
    """Where pages are served, and who may open them."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on; any but loopback needs a login and TLS."
    )
    port: int = Field(8866, ge=0, le=65535, description="Port of the dashboards.")
    lab_port: int = Field(8888, ge=0, le=65535, description="Port of JupyterLab.")
    certificate: Path | None = Field(None, description="TLS certificate file (PEM).")
    private_key: Path | None = Field(None, description="TLS private key file (PEM).")
    password_hash: SecretStr | None = Field(None, description="Login as made by `workbench password`.")
    token: SecretStr | None = Field(None, description="Fixed token; empty makes a new one at each start.")
    preheated_kernels: int = Field(1, ge=0, description="Kernels kept ready for each dashboard.")
    cull_idle_seconds: int = Field(
        600, ge=30, description="A kernel without a page is ended after this long."
    )


class AlertSettings(_Section):
    """Where alerts go when a rule does not say."""

    channels: tuple[Literal["inbox", "file"], ...] = Field(("inbox", "file"), description="Default channels.")


class StaleAfter(_Section):
    """The age, in seconds, past which a quote is stale while its market is open."""

    share: float = Field(60.0, gt=0, description="Shares and funds.")
    index: float = Field(60.0, gt=0, description="Levels of indices.")
    option: float = Field(900.0, gt=0, description="Option contracts, many of which are quiet.")


Days = Annotated[int, Field(ge=1, le=36_500)] | None


class RetentionSettings(_Section):
    """How many days of ticks `workbench data compact` keeps; empty keeps all. Other tables are kept whole."""

    quotes: Days = Field(None, description="Quotes of the top of the book.")
    trades: Days = Field(None, description="Trades.")


class StreamSettings(_Section):
    """What is streamed, and when a live figure is no longer called live."""

    watch: dict[str, tuple[str, ...]] = Field({}, description="Symbols to stream, by service.")
    kinds: tuple[Literal["quotes", "trades", "bars"], ...] = Field(
        ("quotes", "trades"), min_length=1, description="What is streamed, where the service has it."
    )
    flush_seconds: float = Field(
        0.005, ge=0.001, le=1, description="How often events are validated and put into the live table."
    )
    lake_seconds: float = Field(2.0, ge=0.1, le=60, description="How often events go to the lake.")
    queue: int = Field(
        500_000, ge=1_000, description="Events of a feed kept in memory while the lake is slow; then on disk."
    )
    spill: int = Field(
        20_000_000, ge=0, description="Events of a feed kept on disk while the lake is slow; then a gap."
    )
    old_after: float = Field(5.0, gt=0, description="Seconds after which a quote of a live feed is old.")
    stale_after: StaleAfter = StaleAfter()
    back_fill: bool = Field(True, description="Fill gaps from the service's history.")


class NewsSettings(_Section):
    """How the tone of news is told."""

    scorer: Literal["lexicon", "finbert"] = Field(
        "lexicon", description="Who tells the tone when nobody says; without its model the lexicon does."
    )
    finbert_path: Path | None = Field(None, description="Folder of a FinBERT model; nothing is downloaded.")


class LogSettings(_Section):
    """What is written to the logs."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level kept.")


class AlpacaSettings(_Section):
    """Where Alpaca is reached, and which of its feeds."""

    data_url: str = Field("https://data.alpaca.markets", description="Market data over HTTP.")
    trading_url: str = Field(
        "https://paper-api.alpaca.markets", description="Trading API: contracts, assets, clock."
    )
    stream_url: str = Field("wss://stream.data.alpaca.markets", description="Market data streams.")
    feed: Literal["iex", "sip", "delayed_sip", "otc", "boats"] = Field(
        "iex", description="Feed of shares; sip needs a plan."
    )
    option_feed: Literal["indicative", "opra"] = Field(
        "indicative", description="Feed of options; opra needs a plan."
    )
    asof: str = Field("", description="Date whose tickers are meant, for renamed shares; '-' for none.")


class PolygonSettings(_Section):
    """Where Polygon, by its newer name Massive, is reached."""

    rest_url: str = Field("https://api.massive.com", description="REST.")
    stream_url: str = Field(
        "wss://socket.massive.com", description="Streams; delayed plans have another host."
    )
    calls_per_minute: int = Field(
        0, ge=0, description="Calls that the plan allows; 5 on the free one, 0 where it has no limit."
    )


class TastytradeSettings(_Section):
    """Where tastytrade is reached."""

    rest_url: str = Field("https://api.tastyworks.com", description="REST.")
    stream_url: str = Field("", description="DXLink stream; empty takes the one that the service names.")


class IbkrSettings(_Section):
    """Where the Client Portal gateway of Interactive Brokers is reached."""

    gateway_url: str = Field("https://localhost:5000/v1/api", description="REST of the gateway.")
    stream_url: str = Field("", description="Stream; empty derives it from the gateway's address.")
    login_url: str = Field("https://localhost:5000", description="Page on which its user logs in.")


class ZerodhaSettings(_Section):
    """Where Kite Connect is reached."""

    rest_url: str = Field("https://api.kite.trade", description="REST.")
    login_url: str = Field(
        "https://kite.zerodha.com/connect/login", description="Page on which its user logs in."
    )
    stream_url: str = Field("wss://ws.kite.trade", description="Ticker.")


class BenzingaSettings(_Section):
    """Where Benzinga is reached."""

    rest_url: str = Field("https://api.benzinga.com", description="REST.")


class NewsApiSettings(_Section):
    """Where NewsAPI is reached."""

    rest_url: str = Field("https://newsapi.org/v2", description="REST.")


class RssSettings(_Section):
    """Feeds of RSS and Atom."""

    feeds: tuple[str, ...] = Field((), description="Addresses of feeds.")


class RedditSettings(_Section):
    """Where Reddit is reached, and what is read there."""

    rest_url: str = Field("https://oauth.reddit.com", description="REST.")
    token_url: str = Field("https://www.reddit.com/api/v1/access_token", description="Tokens.")
    subreddits: tuple[str, ...] = Field(("stocks", "options"), description="What is read.")


class StocktwitsSettings(_Section):
    """Where StockTwits is reached."""

    rest_url: str = Field("https://api.stocktwits.com/api/2", description="REST.")


class AlphaVantageSettings(_Section):
    """Where Alpha Vantage is reached."""

    rest_url: str = Field("https://www.alphavantage.co", description="REST.")


class FinnhubSettings(_Section):
    """Where Finnhub is reached."""

    rest_url: str = Field("https://finnhub.io/api/v1", description="REST.")


class FmpSettings(_Section):
    """Where Financial Modeling Prep is reached."""

    rest_url: str = Field("https://financialmodelingprep.com", description="REST.")


class ServiceSettings(_Section):
    """Addresses of the outside services; each can be a proxy or a test server."""

    alpaca: AlpacaSettings = AlpacaSettings()
    polygon: PolygonSettings = PolygonSettings()
    tastytrade: TastytradeSettings = TastytradeSettings()
    ibkr: IbkrSettings = IbkrSettings()
    zerodha: ZerodhaSettings = ZerodhaSettings()
    benzinga: BenzingaSettings = BenzingaSettings()
    newsapi: NewsApiSettings = NewsApiSettings()
    rss: RssSettings = RssSettings()
    reddit: RedditSettings = RedditSettings()
    stocktwits: StocktwitsSettings = StocktwitsSettings()
    alpha_vantage: AlphaVantageSettings = AlphaVantageSettings()
    finnhub: FinnhubSettings = FinnhubSettings()
    fmp: FmpSettings = FmpSettings()


class DeskSettings(BaseSettings):
    """All settings of one desk; see ``docs/settings.md`` for the table."""

    model_config = SettingsConfigDict(
        env_prefix="WORKBENCH_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    name: str = Field("My desk", description="Name shown on pages and reports.")
    role: Literal["viewer", "trader"] = Field("trader", description="Viewer may read; trader may also write.")
    clock: ClockSettings = ClockSettings()
    market: MarketSettings = MarketSettings()
    risk: RiskSettings = RiskSettings()
    store: StoreSettings = StoreSettings()
    retention: RetentionSettings = RetentionSettings()
    server: ServerSettings = ServerSettings()
    alerts: AlertSettings = AlertSettings()
    stream: StreamSettings = StreamSettings()
    news: NewsSettings = NewsSettings()
    logs: LogSettings = LogSettings()
    services: ServiceSettings = ServiceSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over what the file says; the file arrives as initial values."""
        return env_settings, init_settings


def home_folder(home: str | os.PathLike[str] | None = None) -> Path:
    """Return the desk's folder: the argument, else ``WORKBENCH_HOME``, else ``~/workbench-desk``.

    Raises
    ------
    DeskHomeError
        If the folder is a project or a file rather than a place for a desk.
    """
    if home is not None and not str(home).strip():
        raise DeskHomeError("The desk's folder is empty text; name a folder with --home.")
    try:
        chosen = home if home is not None else os.environ.get("WORKBENCH_HOME") or _default_home()
        folder = Path(chosen).expanduser().absolute()
        there = next(path for path in (folder, *folder.parents) if path.exists())
        is_file = not there.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise DeskHomeError(
            f"The desk's folder cannot be used ({error}); name another with --home."
        ) from error
    if is_file:
        raise DeskHomeError(f"`{there}` is a file; give a folder for the desk with --home.")
    if (folder / "pyproject.toml").exists():
        raise DeskHomeError(
            f"`{folder}` holds a pyproject.toml, so it is a project; give another folder with --home."
        )
    return folder


def _default_home() -> Path:
    if os.environ.get("HOME") == "":
        # Python reads it as the root of the file system.
        raise RuntimeError("HOME is empty")
    return Path.home() / DEFAULT_HOME


def make_home(home: str | os.PathLike[str] | None = None) -> Path:
    """Return the desk's folder as `home_folder` does, and make it when it is not there.

    Raises
    ------
    DeskHomeError
        If it cannot be made.
    """
    folder = home_folder(home)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeskHomeError(
            f"The desk's folder {folder} cannot be made ({error.strerror}); name another with --home."
        ) from error
    return folder


def project_folder(name: Literal["notebooks", "dashboards", "pipelines"]) -> Path:
    """Return the folder of a face's notebooks: beside the package in a checkout, else where pip put them.

    Raises
    ------
    DeskHomeError
        If neither place has the folder.
    """
    beside = Path(__file__).resolve().parent.parent / name
    installed = Path(sys.prefix) / "share" / "workbench" / name
    for folder in (beside, installed):
        if folder.is_dir():
            return folder
    raise DeskHomeError(f"The {name} are missing at {beside} and {installed}; install the project again.")


def load_settings(home: Path) -> DeskSettings:
    """Return the settings of the desk in `home`.

    Raises
    ------
    SettingsError
        If the file cannot be read, or a value of the file or the environment is not allowed.
    """
    file = home / SETTINGS_FILE
    try:
        values = tomllib.loads(_text_of(file))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{file} cannot be read: {error}. Mend that line or remove the file.") from error
    try:
        return DeskSettings(**values)
    except ValidationError as error:
        raise SettingsError(f"{_first_complaint(error)} Change it in {file} or the environment.") from error
    except UnreadableVariableError as error:
        # Its words name the section and not the value, which may be a secret.
        raise SettingsError(
            f"A WORKBENCH_ variable cannot be read ({error}); write a list as JSON, as in [-0.05, 0, 0.05]."
        ) from error


def write_setting(home: Path, name: str, value: Any) -> None:
    """Set one value of ``settings.toml``, as in ``clock.as_of``; see `write_settings`."""
    write_settings(home, {name: value})


def write_settings(home: Path, values: Mapping[str, Any]) -> None:
    """Set values of ``settings.toml`` by name, all or none; comments and order of the file are kept.

    Raises
    ------
    SettingsError
        If a value is not allowed, or the file cannot be read; the file is then as it was.
    """
    load_settings(home)  # what is wrong already is said first
    file = home / SETTINGS_FILE
    try:
        document = tomlkit.parse(_text_of(file))
        for name, value in values.items():
            *sections, key = name.split(".")
            table: Any = document
            for section in sections:
                table = table.setdefault(section, tomlkit.table())
            table[key] = value
        text = tomlkit.dumps(document)
        DeskSettings(**tomllib.loads(text))
    except (tomlkit.exceptions.TOMLKitError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(
            f"{file} cannot be read: {error}. Mend that line; nothing was changed."
        ) from error
    except ValidationError as error:
        raise SettingsError(f"{_first_complaint(error)} Nothing was changed.") from error
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _text_of(file: Path) -> str:
    """Return the text of the settings file; none when there is no file."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{file} cannot be read: {said}. Mend it or remove it.") from error


def _first_complaint(error: ValidationError) -> str:
    """Say which setting is wrong without repeating its value, which may be a secret."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"Setting `{'.'.join(str(part) for part in first['loc'])}`: {first['msg']}."
