# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The release that runs, and what there is to go back to: the local images of its repository. Reads only.

Asked only when the API fails, because only then anybody wants to go back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .docker_engine import PROJECT_LABEL, SERVICE_LABEL, DockerEngine
from .errors import IncidentError
from .image_archive import newest_archive
from .stack import group_by_service, repository_of


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
    return release, ""
