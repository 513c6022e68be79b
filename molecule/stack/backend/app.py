# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disposable backend: what an operator of Circuit Sage meets at its API, in its log and in the way it fails.

Log lines that other code reads: "Database connection established successfully" and "Server running on port N" at every good start;
"Migration failed: error: …", "Database connection failed: …" and "Unable to connect to the database" at a bad one.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from datetime import UTC, datetime

import auth
import billing
import drill
import health
import locations
import logs
import maintenance
import subscriptions
import webhooks
from database_errors import DatabaseError
from flask import Flask, Response, request
from migrate import run_migrations
from pool import Connection, Pool, connect_to
from rate_limit import RateLimit
from replies import Refused, refusal, reply
from service import Service
from settings import Settings
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

SIGN_IN = "/api/auth/login"
TOO_MANY = "Too many requests from this IP, please try again later."
# By SQLSTATE: what the database refuses because of the request, not because something is wrong with it.
BAD_INPUT = {
    "22021": (400, "A value holds a character that cannot be stored"),
    "22001": (400, "A value is too long"),
    "22P02": (400, "Not a valid id"),
    "23503": (404, "Company not found"),
    "23505": (409, "A location with this name already exists"),
}


class Handler(WSGIRequestHandler):
    """Speaks HTTP/1.1 as Node does; the access log is written by the application."""

    protocol_version = "HTTP/1.1"
    timeout = 65

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: see the application's own line."""


def peer(service: Service) -> str:
    """The address of the connection, not of a forwarded header: the real application does not trust its proxy.

    In production nginx runs on the host, whose address here is Docker's gateway; the sandbox's nginx has one of its own.
    """
    address = service.settings.gateway_address if request.remote_addr == service.settings.edge_address else request.remote_addr
    return f"::ffff:{address}"


def limit(service: Service) -> Response | None:
    """The refusal for an address that called too often."""
    if not request.path.startswith("/api/") or request.path == "/api/health":
        return None
    waits = [service.api_limit.count(peer(service))]
    if request.path == SIGN_IN:
        waits.append(service.sign_in_limit.count(peer(service)))
    if not any(waits):
        return None
    logs.warn(f"Rate limit exceeded for IP: {peer(service)}")
    answer = refusal(429, TOO_MANY)
    answer.headers["Retry-After"] = str(max(waits))
    return answer


def finish(service: Service, response: Response) -> Response:
    """Uncount a good sign-in, set the cross-origin headers, write the access line."""
    if request.path == SIGN_IN and response.status_code < 400:
        service.sign_in_limit.take_back(peer(service))
    origin = request.headers.get("Origin")
    if origin in service.settings.allowed_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Credentials"] = "true"
    when = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    line = f"{request.method} {request.full_path.removesuffix('?')} {request.environ['SERVER_PROTOCOL']}"
    referrer, agent = request.headers.get("Referer", "-"), request.headers.get("User-Agent", "-")
    logs.info(f'{peer(service)} - - [{when}] "{line}" {response.status_code} {response.content_length or "-"} "{referrer}" "{agent}"')
    return response


def create_app(service: Service) -> Flask:
    """The application: limits first, then maintenance mode, then the routes, as in the real one."""
    app = Flask(__name__, static_folder=None)
    for part in (health, maintenance, auth, locations, subscriptions, webhooks):
        app.register_blueprint(part.routes(service))
    if service.settings.drill_switches:
        app.register_blueprint(drill.routes(service))

    app.before_request(lambda: limit(service))
    app.before_request(lambda: maintenance.gate(service))
    app.after_request(lambda response: finish(service, response))

    @app.errorhandler(Refused)
    def refused(failure: Refused) -> Response:
        return refusal(failure.status, str(failure))

    @app.errorhandler(DatabaseError)
    def database_failed(failure: DatabaseError) -> Response:
        if failure.code in BAD_INPUT:
            return refusal(*BAD_INPUT[failure.code])
        logs.error(f"Database query failed: {failure}")
        return refusal(500, "Internal server error")

    @app.errorhandler(HTTPException)
    def http_error(failure: HTTPException) -> Response:
        return reply({"message": failure.name}, failure.code or 500)

    @app.errorhandler(Exception)
    def unexpected(failure: Exception) -> Response:
        logs.error("Unexpected error: " + "".join(traceback.format_exception(failure)).rstrip())
        return refusal(500, "Internal server error")

    return app


def crash(failure: DatabaseError) -> None:
    """Die as Node does of an error event that nobody handles: at once, with status 1."""
    name = "error" if failure.code else "Error"
    logs.raw(f"      throw er; // Unhandled 'error' event\n      ^\n\n{name}: {failure}\n    Emitted 'error' event on BoundPool instance")
    if failure.code:
        logs.raw(f"  severity: 'FATAL',\n  code: '{failure.code}'")
    os._exit(1)


def connect_database(pool: Pool) -> None:
    """Migrate and prove the connection; a failed migration alone does not keep the service from starting."""
    try:
        run_migrations(pool)
    except DatabaseError as failure:
        logs.raw(f"Migration failed: error: {failure}")
    try:
        pool.query("SELECT 1")
    except DatabaseError as failure:
        logs.error(f"Database connection failed: {failure}")
        logs.error("Unable to connect to the database")
        os._exit(1)
    logs.info("Database connection established successfully")


def main() -> None:
    """Start, serve until SIGTERM, close the pool, end."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = Settings.from_environment(os.environ)

    def connect() -> Connection:
        return connect_to(settings.db_host, settings.db_port, settings.db_user, settings.db_password, settings.db_name)

    pool = Pool(connect, crash, settings.pool_size)
    connect_database(pool)
    service = Service(settings, pool, RateLimit(settings.rate_limit), RateLimit(settings.sign_in_limit))
    billing.run_daily(pool, settings.price_per_location)
    # All addresses of the container: only loopback of the host is published.
    server = make_server("0.0.0.0", settings.port, create_app(service), threaded=True, request_handler=Handler)  # noqa: S104
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    logs.info(f"Server running on port {settings.port}")
    stop.wait()
    logs.info("SIGTERM received, shutting down")
    pool.close()
    # Requests that hang in the database would keep an orderly end waiting for ever.
    os._exit(0)


if __name__ == "__main__":
    main()
