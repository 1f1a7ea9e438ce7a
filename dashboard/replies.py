"""Small things that all routes share: JSON by msgspec, whose page may ask, names of problems."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
from fastapi import HTTPException, Request, Response, WebSocket


def json_reply(value: object, headers: dict[str, str] | None = None) -> Response:
    """Encode a value that msgspec knows; NaN is null."""
    return Response(msgspec.json.encode(value), media_type="application/json", headers=headers)


def same_origin(connection: Request | WebSocket) -> bool:
    """Tell whether a browser's request comes from our own page; programs send no origin."""
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    host = connection.headers.get("host", "")
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


def require_own_page(request: Request) -> None:
    """Refuse an action that another site's page sends.

    Raises
    ------
    HTTPException
        403 for a foreign origin, 415 for a body that a plain form could send.
    """
    if not same_origin(request):
        raise HTTPException(403, "Origin: expected this server's own page, was another site")
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, f"Content-Type: expected application/json, was {kind[:100] or 'none'}")
