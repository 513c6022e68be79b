# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release that runs, and what there is to go back to: the local images of its repository. Reads only.

Asked only when the API fails, or when a person wants to go back to an earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .docker_engine import PROJECT_LABEL, SERVICE_LABEL, DockerEngine
from .errors import IncidentError
from .image_archive import newest_archive
from .stack import group_by_service, repository_of

# The release before the one that runs, for who names none.
PREVIOUS = "previous"


def _created(image: Mapping[str, Any]) -> str:
    return datetime.fromtimestamp(image["Created"], timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _of_the_same(image: Mapping[str, Any], repository: str, project: str, service: str) -> bool:
    """Whether an image is one of the repository, or was built for the service before a newer one took its name."""
    labels = image.get("Labels") or {}
    built_for = (labels.get(PROJECT_LABEL), labels.get(SERVICE_LABEL)) == (project, service)
    return built_for or any(repository_of(name) == repository for name in image.get("RepoTags") or [])


def describe(
    name: str,
    identity: str,
    made_at: str,
    images: Sequence[Mapping[str, Any]],
    migrations: Sequence[Mapping[str, Any]] | None,
    place: tuple[str, str],
) -> dict[str, Any]:
    """The release of a container that was made then, the one before it, and the migrations that came with it (null: not known)."""
    newest_first = sorted(images, key=lambda image: int(image["Created"]), reverse=True)
    mine = next((image for image in newest_first if image["Id"] == identity), None)
    older = [
        {"id": image["Id"], "names": image.get("RepoTags") or [], "created_at": _created(image)}
        for image in newest_first
        if image["Id"] != identity
        and _of_the_same(image, repository_of(name), *place)
        and (mine is None or image["Created"] <= mine["Created"])
    ]
    since = None if migrations is None else [one["filename"] for one in migrations if one["applied_at"][:19] >= made_at[:19]]
    return {
        "image": name,
        "repository": repository_of(name),
        "id": identity,
        "made_at": made_at,
        "previous": older[0] if older else None,
        "local_images": [image["Id"] for image in newest_first],
        "migrations_since": since,
    }


def _named(images: Sequence[Mapping[str, Any]], repository: str, to: str) -> list[Mapping[str, Any]]:
    """The images that a person may mean: by a name, by a tag of the repository, or by an id, whole or its first twelve digits."""
    names = {to, f"{repository}:{to}"}
    identity = to.removeprefix("sha256:")
    by_id = len(identity) >= 12 and all(digit in "0123456789abcdef" for digit in identity)
    return [
        image
        for image in images
        if names & set(image.get("RepoTags") or []) or (by_id and image["Id"].removeprefix("sha256:").startswith(identity))
    ]


def _target(release: Mapping[str, Any], ours: Sequence[Mapping[str, Any]], images: Sequence[Mapping[str, Any]], to: str) -> str | None:
    """The id of the image to go back to; null where there is none before the one that runs. Raises for a name that cannot be meant."""
    if to == PREVIOUS:
        return release["previous"]["id"] if release["previous"] else None
    found = _named(images, release["repository"], to)
    there = ", ".join(sorted(name for image in ours for name in image.get("RepoTags") or [])) or "none has a name"
    if not found:
        raise IncidentError(f"there is no image {to} here; name one of {release['repository']} (there are: {there}), or load it first")
    if not any(image["Id"] == found[0]["Id"] for image in ours):
        raise IncidentError(f"the image {to} is none of {release['repository']}; name one of it (there are: {there})")
    return str(found[0]["Id"])


def wanted(
    release: Mapping[str, Any],
    images: Sequence[Mapping[str, Any]],
    migrations: Sequence[Mapping[str, Any]] | None,
    place: tuple[str, str],
    to: str,
) -> dict[str, Any]:
    """What a person asks for who wants to go back: to which image, which newer ones there are, and the migrations since (null: not known).

    A migration may belong to what came after the target as soon as the next image was made: whoever ran which when is not written anywhere.
    """
    newest_first = sorted(images, key=lambda image: int(image["Created"]), reverse=True)
    ours = [image for image in newest_first if image["Id"] == release["id"] or _of_the_same(image, release["repository"], *place)]
    target = _target(release, ours, images, to)
    running = next((image["Created"] for image in ours if image["Id"] == release["id"]), None)
    since: list[str] | None = []
    chosen = next((image for image in ours if image["Id"] == target), None)
    if chosen:
        # Of two that were made in one second either may be the later one.
        after = [image for image in ours if image["Created"] >= chosen["Created"] and image["Id"] != target]
        if migrations is None:
            since = None if after else []
        elif after:
            since = [one["filename"] for one in migrations if one["applied_at"][:19] >= _created(after[-1])[:19]]
    return {
        "to": to,
        "target": {"id": target, "names": chosen.get("RepoTags") or [], "created_at": _created(chosen)} if chosen else None,
        "newer": [image["Id"] for image in ours if running is not None and image["Created"] > running],
        "migrations_since": since,
    }


def observe(options: Mapping[str, Any], migrations: Sequence[Mapping[str, Any]] | None) -> tuple[dict[str, Any] | None, str]:
    """The release of the backend, or null and why it is not known."""
    service = options["backend_service"]
    engine = DockerEngine(options["docker_host"], options["docker_timeout"])
    try:
        containers = group_by_service(engine.containers(), options["project_name"]).get(service)
        if not containers:
            return None, f"the service {service} has no container"
        container = engine.inspect(containers[0]["Id"])
        images = engine.images()
    except IncidentError as error:
        return None, str(error)
    place = (options["project_name"], service)
    release = describe(container["Config"]["Image"], container["Image"], container["Created"], images, migrations, place)
    folder = options.get("release_archives")
    # Reading archives takes its time, so they are only asked where no image is left.
    asked = folder is not None and release["previous"] is None
    release["archive"] = newest_archive(str(folder), release["repository"], release["id"]) if asked else None
    to = options.get("roll_back_to")
    release["wanted"] = wanted(release, images, migrations, place, to) if to else None
    return release, ""
