"""A local server that speaks Reddit's token and listings."""

import re
from base64 import b64decode
from typing import Any

from tests.servers.base import Answer, LocalServer, Request

CLIENT_ID, CLIENT_SECRET = "reddit-client", "reddit-secret-0123456789"


def post(number: int, seconds: float, title: str, body: str = "", **more: Any) -> dict[str, Any]:
    """Return a post as the service writes it."""
    name = f"t3_{number:06d}"
    return {
        "id": name[3:], "name": name, "subreddit": "stocks", "title": title, "selftext": body,
        "author": f"user{number % 7}", "score": 12, "upvote_ratio": 0.9, "num_comments": 4,
        "created_utc": seconds, "edited": False, "link_flair_text": "Discussion",
        "permalink": f"/r/stocks/comments/{name[3:]}/", "url": "https://www.reddit.com/", "over_18": False,
        "stickied": False, "removed_by_category": None, **more,
    }  # fmt: skip


class RedditServer(LocalServer):
    """Posts of two subreddits, newest first, behind a token that runs out."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[dict[str, Any]] = []
        self.tokens: list[str] = []

    def limit_headers(self, seconds: float) -> dict[str, str]:
        return {
            "X-Ratelimit-Used": "100",
            "X-Ratelimit-Remaining": "0.0",
            "X-Ratelimit-Reset": f"{seconds:.1f}",
        }

    def answer(self, request: Request) -> Answer:
        if request.path == "/api/v1/access_token":
            return self._token(request)
        token = request.headers.get("authorization", "").removeprefix("bearer ")
        if token not in self.tokens[-1:] or self.bad.expired:
            self.bad.expired = False
            return self.error(401, "Unauthorized")
        if not re.search(r"\(by /u/\w+", request.headers.get("user-agent", "")):
            return self.error(429, "Too Many Requests")
        found = sorted(self.posts, key=lambda post: -post["created_utc"])
        if request.path.endswith("/search"):
            assert request.query["restrict_sr"] == "1"
            word = request.query["q"].strip('"')
            found = [post for post in found if word in f"{post['title']} {post['selftext']}"]
        elif request.path != "/r/stocks+options/new":
            return self.error(404, "Not Found")
        after = request.query.get("after")
        token_of = {f"t3_page{n}": f"page-{n}" for n in range(2, 40)} | {"t3_again2": "page-2-again"}
        rows, following = self.page(
            request, found, token_of.get(after or ""), size=int(request.query["limit"])
        )
        if following is not None:
            following = {value: name for name, value in token_of.items()}.get(following, following)
        told = self.lied(rows, price="title", time="created_utc", earlier=915_444_000.0)
        listing = {"after": following, "before": None, "dist": len(told), "modhash": ""}
        return Answer(
            {"kind": "Listing", "data": listing | {"children": [{"kind": "t3", "data": row} for row in told]}}
        )

    def _token(self, request: Request) -> Answer:
        said = b64decode(request.headers.get("authorization", "").removeprefix("Basic ") or "").decode()
        self.heard.append(said)
        if said != f"{CLIENT_ID}:{CLIENT_SECRET}":
            return self.error(401, "Unauthorized")
        assert request.form() == {"grant_type": "client_credentials"}
        self.tokens.append(f"reddit-token-{len(self.tokens)}-0123456789")
        return Answer(
            {"access_token": self.tokens[-1], "token_type": "bearer", "expires_in": 86400, "scope": "*"}
        )
