"""The addresses of the live page: sign in, look, revoke a key, sign out.

A session may look. To revoke a key takes the operator's own key once more: a session does not notice that the key that
opened it was revoked, and who may only look has one too.

Failure behaviour: who is no operator gets the form to sign in (401), or 403 with a key that is none of an operator;
too many wrong keys give 429; a database that is away gives 503, all as pages with words. Nothing is ever stored
by this page, and no page may be kept by a browser or a proxy in between.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from thriftgate.errors import NotFoundError, StoreUnavailableError
from thriftgate.ports import Clock
from thriftgate.proxy.page import document, rendering
from thriftgate.proxy.page.next_steps import away_words
from thriftgate.proxy.page.sessions import Attempts, Session, Sessions
from thriftgate.proxy.page.state import State
from thriftgate.services.books.key_use import KeyUse, KeyUses
from thriftgate.services.books.overview import PERIODS, OverviewService
from thriftgate.stats.search import search_of

SESSION_COOKIE = "thriftgate_session"
LOGIN_COOKIE = "thriftgate_login"
_LOGIN_LIFETIME = 3_600
_MOST_BYTES = 8_192
"""Of a form: a key, a token and a period."""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class PageAccess(Protocol):
    """Who may look."""

    def sessions(self) -> Sessions | None:
        """What signs sessions; None when nobody can be an operator."""
        ...

    def lifetime(self, key: str) -> int:
        """How many seconds a session for this key is good."""
        ...

    async def is_operator(self, key: str, request: Request) -> bool:
        """Whether the key is an operator's."""
        ...

    async def may_change(self, key: str, request: Request) -> bool:
        """Whether the key is that of an operator who may do more than look."""
        ...


def live_page(responder: "PageResponder") -> APIRouter:
    """The page, to be included in the proxy's app."""
    router = APIRouter(prefix="/thriftgate", include_in_schema=False)
    for path in ("", "/"):
        router.add_api_route(path, responder.look, methods=["GET"])
    router.add_api_route("/login", responder.form, methods=["GET"])
    router.add_api_route("/login", responder.sign_in, methods=["POST"])
    router.add_api_route("/revoke", responder.ask_to_revoke, methods=["GET"])
    router.add_api_route("/revoke", responder.revoke, methods=["POST"])
    router.add_api_route("/logout", responder.sign_out, methods=["POST"])
    router.add_api_route("/static/{name}", static, methods=["GET"])
    return router


async def static(name: str) -> Response:
    """The style sheet and the icon."""
    if name not in rendering.STATIC:
        return Response(status_code=404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(rendering.static_file(name), media_type=rendering.STATIC[name], headers=headers)


class PageResponder:
    """Answers the page's requests."""

    def __init__(
        self,
        operators: PageAccess,
        overviews: Callable[[], OverviewService],
        state: Callable[[], Awaitable[State]],
        clock: Clock,
        keys: Callable[[], KeyUses | None] = lambda: None,
    ) -> None:
        """`keys` gives None where the gateway has no keys of its own."""
        self._keys = keys
        self._operators = operators
        self._overviews = overviews
        self._state = state
        self._clock = clock
        self._attempts = Attempts()

    async def look(self, request: Request) -> Response:
        """The page itself."""
        sessions = self._operators.sessions()
        if sessions is None:
            return _without_master_key(request)
        if _is_foreign(request):
            return _message(request, 403, "Open this page by itself", ["Another site asked for it in your name."])
        now = self._clock.time()
        session = sessions.read(request.cookies.get(SESSION_COOKIE, ""), now=now)
        if session is None:
            key = _sent_key(request)
            if key is None:
                query = f"?{request.url.query}" if request.url.query else ""
                return RedirectResponse(f"{_base(request)}/login{query}", 303, headers=dict(_HEADERS))
            if not await self._operators.is_operator(key, request):
                return _message(request, 403, "This key may not look", ["The page is for proxy admins only."])
        period = PERIODS.get(request.query_params.get("period", ""), PERIODS["24h"])
        token = "" if session is None else sessions.form_token("logout", session.nonce)
        search = search_of(request.query_params)
        try:
            overview = await self._overviews().get(period, search.whose)
            found = None if search.is_empty else await self._overviews().find(search, period)
            uses = None if (keys := self._keys()) is None else await keys.get()
        except StoreUnavailableError:
            return _database_away(request, *away_words(await self._state()))
        state = await self._state()
        refresh = document.refresh_of(request.query_params.get("refresh", ""))
        page = document.page(
            overview, state, base=_base(request), address=str(request.base_url), token=token, refresh=refresh, now=now,
            search=search, found=found, keys=uses,
        )  # fmt: skip
        return HTMLResponse(page, headers=dict(_HEADERS))

    async def form(self, request: Request) -> Response:
        """The form to sign in."""
        if self._operators.sessions() is None:
            return _without_master_key(request)
        return self._form(request, request.query_params.get("period", ""), "", 200)

    async def sign_in(self, request: Request) -> Response:
        """Take a key, and give a session for it."""
        sessions = self._operators.sessions()
        if sessions is None:
            return _without_master_key(request)
        fields = {} if _is_foreign(request) else await _fields(request)
        period, key = fields.get("period", ""), fields.get("key", "").strip()
        if not sessions.is_form_token("login", request.cookies.get(LOGIN_COOKIE, ""), fields.get("token", "")):
            return self._form(request, period, "This form was no longer good. Please try once more.", 400)
        wait, is_good = await self._try(key, request, self._operators.is_operator)
        if wait:
            return _must_wait(self._form(request, period, _wait_words(wait), 429), wait)
        if not is_good:
            return self._form(request, period, "This is no operator's key.", 401)
        now = self._clock.time()
        lifetime = self._operators.lifetime(key)
        answer = RedirectResponse(_base(request) + (f"?period={period}" if period in PERIODS else ""), 303)
        answer.headers.update(_HEADERS)
        session = sessions.issue(now=now, lifetime=lifetime, nonce=secrets.token_urlsafe(16))
        _set_cookie(answer, request, SESSION_COOKIE, session, lifetime)
        _set_cookie(answer, request, LOGIN_COOKIE, "", 0)
        return answer

    async def ask_to_revoke(self, request: Request) -> Response:
        """The form that revokes a key."""
        session = self._session(request)
        if isinstance(session, Response):
            return session
        try:
            found = await self._key(request.query_params.get("key", ""))
        except StoreUnavailableError:
            return _database_away(request)
        return _no_such_key(request) if found is None else self._revoke_form(request, session, found, "", 200)

    async def revoke(self, request: Request) -> Response:
        """Revoke a key, for who shows the key of an operator who may change things."""
        session = self._session(request)
        if isinstance(session, Response):
            return session
        fields = await _fields(request)
        sessions = self._operators.sessions()
        if not (sessions and sessions.is_form_token("revoke", session.nonce, fields.get("token", ""))):
            return _message(request, 400, "Nothing was revoked", ["The form was not one of this page."])
        try:
            keys, found = self._keys(), await self._key(fields.get("revoked", ""))
            if keys is None or found is None:
                return _no_such_key(request)
            wait, is_good = await self._try(fields.get("key", "").strip(), request, self._operators.may_change)
            if wait:
                return _must_wait(self._revoke_form(request, session, found, _wait_words(wait), 429), wait)
            if not is_good:
                problem = "Nothing was revoked: this is not the key of an admin who may do more than look."
                return self._revoke_form(request, session, found, problem, 403)
            await keys.revoke(found.key_id)
        except NotFoundError:
            return _no_such_key(request)
        except StoreUnavailableError:
            return _message(request, 503, "The database is away", ["Nothing was revoked: go back and try once more."])
        return RedirectResponse(f"{_base(request)}#keys", 303, headers=dict(_HEADERS))

    async def sign_out(self, request: Request) -> Response:
        """End the session of this browser."""
        sessions = self._operators.sessions()
        session = sessions and sessions.read(request.cookies.get(SESSION_COOKIE, ""), now=self._clock.time())
        token = "" if _is_foreign(request) else (await _fields(request)).get("token", "")
        if sessions and session and not sessions.is_form_token("logout", session.nonce, token):
            return _message(request, 400, "Not signed out", ["The form was not one of this page."])
        answer = RedirectResponse(f"{_base(request)}/login", 303, headers=dict(_HEADERS))
        _set_cookie(answer, request, SESSION_COOKIE, "", 0)
        return answer

    def _session(self, request: Request) -> Session | Response:
        """The session of a browser that wants to change something, or what it gets instead."""
        sessions = self._operators.sessions()
        if sessions is None:
            return _without_master_key(request)
        if _is_foreign(request):
            return _message(request, 403, "Open this page by itself", ["Another site asked for it in your name."])
        session = sessions.read(request.cookies.get(SESSION_COOKIE, ""), now=self._clock.time())
        return session or RedirectResponse(f"{_base(request)}/login", 303, headers=dict(_HEADERS))

    async def _try(
        self, key: str, request: Request, is_good: Callable[[str, Request], Awaitable[bool]]
    ) -> tuple[float, bool]:
        """How many seconds the address has to wait after wrong keys, 0 for none; and whether this one is good."""
        address, now = request.client.host if request.client else "", self._clock.time()
        wait = self._attempts.retry_after(address, now=now)
        if wait is not None:
            return wait, False
        # Counted before it is known, so that many guesses at the same moment count as many.
        self._attempts.failed(address, now=now)
        if not key or not await is_good(key, request):
            return 0.0, False
        self._attempts.succeeded(address)
        return 0.0, True

    async def _key(self, key_id: str) -> KeyUse | None:
        keys = self._keys()
        return None if keys is None else next((one for one in await keys.get() if one.key_id == key_id), None)

    def _revoke_form(self, request: Request, session: Session, key: KeyUse, problem: str, status: int) -> Response:
        sessions = self._operators.sessions()
        assert sessions is not None
        page = rendering.render(
            "revoke.html", _base(request), problem=problem, token=sessions.form_token("revoke", session.nonce),
            key_id=key.key_id, name=key.alias or key.key_id,
        )  # fmt: skip
        return HTMLResponse(page, status, headers=dict(_HEADERS))

    def _form(self, request: Request, period: str, problem: str, status: int) -> Response:
        sessions = self._operators.sessions()
        assert sessions is not None
        nonce = request.cookies.get(LOGIN_COOKIE, "") or secrets.token_urlsafe(16)
        page = rendering.render(
            "login.html", _base(request), problem=problem, token=sessions.form_token("login", nonce),
            period=period if period in PERIODS else "",
        )  # fmt: skip
        answer = HTMLResponse(page, status, headers=dict(_HEADERS))
        _set_cookie(answer, request, LOGIN_COOKIE, nonce, _LOGIN_LIFETIME)
        return answer


def _base(request: Request) -> str:
    """The page's path as the browser sees it: the proxy may stand under a prefix."""
    return f"{str(request.scope.get('root_path') or '').rstrip('/')}/thriftgate"


def _is_foreign(request: Request) -> bool:
    """Whether another site's page asks in the operator's name, by what the browser says of itself.

    A cookie that is `SameSite=Strict` still goes along with what a page on another port or subdomain of the same site
    fetches, and who may read the answer is up to LiteLLM's CORS settings. Links to this page stay good.
    """
    from_elsewhere = request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    is_link = request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
    return from_elsewhere and not is_link


def _sent_key(request: Request) -> str | None:
    """The key of a client that is no browser: `Authorization: Bearer …`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form; none of a body that is too long or no form."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            return {}
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _set_cookie(answer: Response, request: Request, name: str, value: str, lifetime: int) -> None:
    # Behind something that ends TLS the scheme is that something's word; to believe it can only make it stricter.
    is_secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    answer.set_cookie(
        name, value, max_age=lifetime, path=_base(request), secure=is_secure, httponly=True, samesite="strict"
    )


def _wait_words(wait: float) -> str:
    return f"Too many wrong keys. Try again in {wait:.0f} seconds."


def _must_wait(answer: Response, wait: float) -> Response:
    answer.headers["Retry-After"] = str(int(wait) + 1)
    return answer


def _database_away(request: Request, *outages: str) -> Response:
    lines = ["Requests are still answered, and up to ledger.max_queue of them wait to be booked.", *outages,
             "This page tries again every 15 seconds."]  # fmt: skip
    return _message(request, 503, "The database is away", lines, retry=15)


def _no_such_key(request: Request) -> Response:
    return _message(request, 404, "There is no such key", ["The page lists the keys that this gateway has."])


def _message(request: Request, status: int, title: str, lines: list[str], *, retry: int = 0) -> Response:
    back, words = ("/login", "Sign in") if status == 403 else ("", "Back" if status == 404 else "Try again")
    page = rendering.render(
        "message.html", _base(request), title=title, lines=lines, retry=retry, back=back, back_words=words
    )
    headers = {**_HEADERS, "Retry-After": str(retry)} if retry else dict(_HEADERS)
    return HTMLResponse(page, status, headers=headers)


def _without_master_key(request: Request) -> Response:
    lines = ["This proxy has no master key, so nobody can show that they are its operator.",
             "Set general_settings.master_key and restart."]  # fmt: skip
    return _message(request, 403, "Set a master key first", lines)
