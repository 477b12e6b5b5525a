"""The plain pages of the server in the desk's look: list of dashboards, reports, login, closed door."""

from html import escape

from workbench.server.assets import asset_urls

PLACES = (
    ("Book", "voila/render/book.ipynb"),
    ("Options", "voila/render/options.ipynb"),
    ("Market", "voila/render/market.ipynb"),
    ("Reports", "workbench/reports/"),
)


def page(
    title: str,
    body: str,
    *,
    base_url: str,
    place: str = "",
    note: str = "",
    places: tuple[tuple[str, str], ...] = PLACES,
) -> str:
    """Return a whole page.

    Parameters
    ----------
    title, note : str
        Plain text; escaped here.
    body : str
        HTML of the page's middle, escaped by who made it.
    base_url : str
        Where the server's addresses begin, as in ``/``.
    place : str
        Name of the place in the top bar that is shown as current.
    places : tuple of (name, address)
        Links of the top bar, addresses below `base_url`.
    """
    static = base_url + asset_urls()["static"]
    links = "".join(
        f'<a href="{escape(base_url + address)}"{" aria-current=page" * (name == place)}>{escape(name)}</a>'
        for name, address in places
    )
    beside = f'<span class="wb-note">{escape(note)}</span>' if note else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
        f"<title>{escape(title)} · Workbench</title>"
        f'<link rel="stylesheet" href="{escape(static)}/tokens.css">'
        f'<link rel="stylesheet" href="{escape(static)}/page.css">'
        f'<script src="{escape(static)}/theme.js"></script></head><body class="wb-shell">'
        f'<nav class="wb-bar" aria-label="Places"><a class="wb-brand" href="{escape(base_url)}">Workbench</a>'
        f"{links}</nav>"
        f'<main><header class="wb-head"><h1>{escape(title)}</h1>{beside}</header>{body}</main></body></html>'
    )


def bare_page(title: str, body: str) -> str:
    """Return a page that needs no asset, for readers who are not let in yet."""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
        f"<title>{escape(title)} · Workbench</title><style>{_BARE_CSS}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def login_form(*, action: str, after: str, xsrf: str, wants: str) -> str:
    """Return the form that takes a password or a token.

    Parameters
    ----------
    action : str
        Address that the form is sent to.
    after : str
        Address to open afterwards.
    xsrf : str
        The hidden field of the server's cross-site protection, HTML.
    wants : str
        What to type, as in "password or token".
    """
    return (
        f'<form method="post" action="{escape(action)}?next={escape(after)}">{xsrf}'
        f'<label for="password">{escape(wants.capitalize())}</label>'
        f'<input id="password" name="password" type="password" autocomplete="current-password" required>'
        f"<button>Open</button></form>"
    )


# Who is not let in gets no asset either, so these few rules travel with the page.
_BARE_CSS = """
:root{--page:#F4F6F8;--surface:#FFFFFF;--line:#7C8896;--ink:#17212B;--ink2:#455261}
@media (prefers-color-scheme:dark){
:root{--page:#0E1318;--surface:#161C23;--line:#708092;--ink:#E8EDF2;--ink2:#B4BFCA}}
body{margin:0;background:var(--page);color:var(--ink);
font:13px/18px -apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif}
main{max-width:440px;margin:12vh auto 0;padding:16px 24px 24px;background:var(--surface);
border:1px solid var(--line);border-radius:4px}
h1{font-size:18px;line-height:24px;font-weight:650;margin:0 0 8px}p{margin:0 0 16px;color:var(--ink2)}
label{display:block;margin-bottom:4px}form{display:grid;grid-template-columns:1fr auto;gap:4px 8px}
label{grid-column:1/-1}
input,button{font:inherit;padding:8px;border:1px solid var(--line);border-radius:3px;
background:var(--surface);color:var(--ink)}
button{background:var(--ink);color:var(--surface);border-color:var(--ink);padding:8px 16px;cursor:pointer}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px}code{font-size:12px}
"""
