# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release that runs and what there is to go back to; whom the backend asks for names."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import release_observer, resolver_observer
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.docker_engine import DockerEngine
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

MADE = "2026-11-23T15:24:08.283906239Z"
PLACE = ("shop", "backend")
OPTIONS = {"docker_host": "unix:///nowhere", "docker_timeout": 1, "project_name": "shop", "backend_service": "backend"}
LABELS = {"com.docker.compose.project": "shop", "com.docker.compose.service": "backend"}


def image(identity: str, created: int, *names: str, **labels: str) -> dict[str, t.Any]:
    return {"Id": identity, "Created": created, "RepoTags": list(names) or None, "Labels": labels or None}


IMAGES = [
    image("bad", 300, "shop/backend:2"),
    image("other", 250, "shop/frontend:1"),
    image("good", 200, "shop/backend:1"),
    image("older", 100, "shop/backend:0"),
    image("newer", 400, "shop/backend:next"),
]


def test_the_release_before_is_the_next_older_one_of_the_repository() -> None:
    found = release_observer.describe("shop/backend:2", "bad", MADE, IMAGES, [], PLACE)
    assert found["previous"] == {"id": "good", "names": ["shop/backend:1"], "created_at": "1970-01-01T00:03:20Z"}
    assert found["migrations_since"] == []


def test_an_image_whose_name_a_newer_build_took_is_known_by_its_labels() -> None:
    images = [image("bad", 300, "shop-backend:latest"), image("good", 200, **LABELS), image("foreign", 250)]
    found = release_observer.describe("shop-backend:latest", "bad", MADE, images, None, PLACE)
    assert found["previous"]["id"] == "good"
    assert found["migrations_since"] is None


def test_there_may_be_none_to_go_back_to() -> None:
    assert release_observer.describe("shop/backend:0", "older", MADE, IMAGES, [], PLACE)["previous"] is None


def test_the_migrations_that_came_with_it() -> None:
    migrations = [
        {"filename": "004.sql", "applied_at": "2026-11-23T15:24:09.1Z"},
        {"filename": "003.sql", "applied_at": "2026-11-20T08:00:00Z"},
    ]
    assert release_observer.describe("shop/backend:2", "bad", MADE, IMAGES, migrations, PLACE)["migrations_since"] == ["004.sql"]


def asked(to: str, runs: str = "bad", migrations: t.Any = (), images: t.Any = None) -> dict[str, t.Any]:
    images = IMAGES if images is None else images
    name = next(one["RepoTags"][0] for one in images if one["Id"] == runs)
    release = release_observer.describe(name, runs, MADE, images, migrations, PLACE)
    return release_observer.wanted(release, images, migrations, PLACE, to)


def test_who_names_none_goes_back_by_one() -> None:
    found = asked("previous")
    assert found["target"] == {"id": "good", "names": ["shop/backend:1"], "created_at": "1970-01-01T00:03:20Z"}
    assert (found["newer"], found["migrations_since"]) == (["newer"], [])
    assert asked("previous", "older")["target"] is None
    assert asked("previous", "newer")["newer"] == []


DIGITS = "0123456789abcdef" * 4


@pytest.mark.parametrize("to", ["shop/backend:1", "1", f"sha256:{DIGITS}", DIGITS[:12]])
def test_a_release_is_named_in_each_way_that_docker_knows(to: str) -> None:
    images = [image("bad", 300, "shop/backend:2"), image(f"sha256:{DIGITS}", 200, "shop/backend:1")]
    assert asked(to, images=images)["target"]["id"] == f"sha256:{DIGITS}"


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (
            "3",
            "there is no image 3 here; name one of shop/backend (there are: shop/backend:0, shop/backend:1, ",
        ),
        ("shop/frontend:1", "the image shop/frontend:1 is none of shop/backend; name one of it"),
        ("abc", "there is no image abc here"),
    ],
)
def test_what_is_no_release_of_it_is_refused(to: str, words: str) -> None:
    with pytest.raises(IncidentError, match=re.escape(words)):
        asked(to)


def test_migrations_since_the_image_after_the_target() -> None:
    """The container may have been made anew since; and what was applied before the next image was made is the target's own."""
    migrations = [
        {"filename": "4.sql", "applied_at": "1970-01-01T00:06:00Z"},
        {"filename": "3.sql", "applied_at": "1970-01-01T00:05:00Z"},
        {"filename": "2.sql", "applied_at": "1970-01-01T00:03:30Z"},
    ]
    assert asked("1", migrations=migrations)["migrations_since"] == ["4.sql", "3.sql"]
    assert asked("0", migrations=migrations)["migrations_since"] == ["4.sql", "3.sql", "2.sql"]
    assert asked("1", migrations=None)["migrations_since"] is None
    # Nothing came after it: it is no way back.
    assert asked("next", migrations=migrations)["migrations_since"] == []


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    container = {"Id": "1", "Created": 1, "Labels": LABELS}
    inspected = {"Config": {"Image": "shop/backend:2"}, "Image": "bad", "Created": MADE}
    monkeypatch.setattr(DockerEngine, "containers", lambda _engine: [container])
    monkeypatch.setattr(DockerEngine, "inspect", lambda _engine, _identity: inspected)
    monkeypatch.setattr(DockerEngine, "images", lambda _engine: IMAGES)
    monkeypatch.setattr(DockerEngine, "file", lambda _engine, _identity, _path: b"nameserver 192.0.2.1\n")


@pytest.mark.usefixtures("engine")
def test_the_engine_is_asked() -> None:
    release, _reason = release_observer.observe(OPTIONS, [])
    assert release
    assert (release["previous"]["id"], release["archive"]) == ("good", None)
    resolver, _reason = resolver_observer.observe(OPTIONS, {"services": {"backend": {"log": None}}})
    assert resolver == {"nameservers": ["192.0.2.1"], "embedded": False, "failed_services": [], "failed_outside": []}


@pytest.mark.usefixtures("engine")
def test_archives_are_asked_where_no_image_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, str]] = []
    monkeypatch.setattr(DockerEngine, "images", lambda _engine: IMAGES[:2])
    monkeypatch.setattr(release_observer, "newest_archive", lambda *given: asked.append(given))
    release_observer.observe({**OPTIONS, "release_archives": None}, [])
    release_observer.observe({**OPTIONS, "release_archives": "/archives"}, [])
    assert asked == [("/archives", "shop/backend", "bad")]


@pytest.mark.usefixtures("engine")
def test_what_is_not_there_is_not_known() -> None:
    options = {**OPTIONS, "backend_service": "nowhere"}
    assert release_observer.observe(options, [])[0] is None
    assert resolver_observer.observe(options, {"services": {}})[0] is None


def test_an_engine_that_refuses_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_engine: DockerEngine) -> t.NoReturn:
        raise IncidentError("nothing listens")

    monkeypatch.setattr(DockerEngine, "containers", refuse)
    assert release_observer.observe(OPTIONS, []) == (None, "nothing listens")
    assert resolver_observer.observe(OPTIONS, {"services": {}}) == (None, "/etc/resolv.conf could not be read (nothing listens)")


def test_which_names_were_not_found() -> None:
    tail = ["Database health check failed: getaddrinfo EAI_AGAIN postgres", "getaddrinfo ENOTFOUND connect.example.com"]
    found = resolver_observer.describe("nameserver 127.0.0.11\noptions ndots:0\n", {"tail": tail}, {"postgres": {}})
    assert (found["embedded"], found["failed_services"], found["failed_outside"]) == (True, ["postgres"], ["connect.example.com"])


@pytest.mark.parametrize(
    ("state", "answers", "this_life", "suspect"),
    [("running", True, 0, False), ("running", True, 2, True), ("running", False, 0, True), ("exited", False, 2, False)],
)
def test_it_is_looked_at_where_there_is_a_reason(state: str, answers: bool, this_life: int, suspect: bool) -> None:
    backend = {"state": state, "log": {"patterns": {"name_lookup_failed": {"this_life": this_life}}}}
    assert resolver_observer.suspect({"services": {"backend": backend}}, {"answers": answers}, "backend") is suspect
