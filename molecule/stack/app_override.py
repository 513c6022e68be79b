#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what lets an application's own compose file run as a sandbox: `app_override.py APP FOLDER`.

FOLDER gets an env file with secrets made here, and an override that takes away whatever could meet the application's real stack: the names
of containers, images, volumes and networks, the ports, its env files, and the right to write into folders of the host. The edge and the
addresses are those of docker-compose.sandbox.yml. APP is read and never written to. Runs under the checkout's Python, which has YAML.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import typing as t
from collections.abc import Callable, Mapping
from pathlib import Path

import write_env
import yaml

STACK = Path(__file__).resolve().parent
sys.path.insert(0, str(STACK.parent.parent / ".ansible" / "collections"))

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import compose, env_file  # noqa: E402
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError  # noqa: E402
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.redaction import is_secret_name  # noqa: E402

COMPOSE_FILE = "docker-compose.prod.yml"
OVERRIDE = "docker-compose.override.yml"
ENV_FILE = ".env.production"
SERVICES = ("postgres", "backend", "frontend")
# The first Compose that knows the tag `!override`.
OLDEST_COMPOSE = (2, 24, 4)
COMPOSE_SECONDS = 60
# For a variable that must not be empty and holds no secret.
ANY_VALUE = "drill"
SANDBOX_NETWORK = "circuit-sage-network"

Model = Mapping[str, t.Any]


class Removed:
    """What the compose file says is taken away: `!reset`."""


class ReplacedMapping(dict[str, t.Any]):
    """Instead of what the compose file says, not added to it: `!override`."""


class ReplacedList(list[t.Any]):
    """Instead of what the compose file says, not added to it: `!override`."""


class Dumper(yaml.SafeDumper):
    """Writes Compose's tags, and no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Every value is written out."""
        return True


Dumper.add_representer(Removed, lambda dumper, _value: dumper.represent_scalar("!reset", "null"))
Dumper.add_representer(ReplacedMapping, lambda dumper, value: dumper.represent_mapping("!override", value))
Dumper.add_representer(ReplacedList, lambda dumper, value: dumper.represent_sequence("!override", value))


def as_yaml(content: Model) -> str:
    """The text of an override."""
    return str(yaml.dump(content, Dumper=Dumper, sort_keys=False, width=200))


def is_new_enough(version: str) -> bool:
    """Whether this Compose knows the tags of an override."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3]) >= OLDEST_COMPOSE


def parse(text: str, path: Path) -> Model:
    """The services of the compose file as they are written."""
    try:
        services = (yaml.safe_load(text) or {})["services"]
        if not all(isinstance(service, dict) for service in services.values()):
            raise TypeError
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise IncidentError(f"{path} is not YAML{where}; give a checkout whose compose file can be read") from None
    except (AttributeError, KeyError, TypeError):
        raise IncidentError(f"{path} is no compose file, it has no services; give a checkout of Circuit Sage") from None
    return t.cast(Model, services)


def env_text(existing: str, settings: Mapping[str, str], compose_text: str) -> str:
    """The env file: what the sandbox's has, and a value for every other variable that the compose file has no default for."""
    fresh = write_env.fresh_values(settings["SANDBOX_EDGE_PORT"])
    text = write_env.merged(existing, dict(settings), fresh)
    variables = env_file.parse(text)
    # One that a killed drill has taken out of the file.
    lost = {name: value for name, value in fresh.items() if name not in variables}
    lacking = compose.missing_variables(compose_text, {**variables, **lost})
    made = {name: secrets.token_hex(32) if is_secret_name(name) else "" for name in lacking}
    must = compose.missing_variables(compose_text, {**variables, **lost, **made})
    made.update(dict.fromkeys(must, ANY_VALUE))
    return text + "".join(f"{name}={value}\n" for name, value in {**lost, **made}.items())


def without_env_files(services: Model, path: Path) -> dict[str, t.Any]:
    """The override that gives each service our env file for its own: a real one may hold real secrets, or not be in a checkout."""
    return {name: {"env_file": ReplacedList([str(path)])} for name, service in services.items() if service.get("env_file")}


def shared_network(services: Model) -> str:
    """The network on which the backend finds the database."""
    networks = services["postgres"].get("networks") or {}
    found = next((key for key in services["backend"].get("networks") or {} if key in networks), None)
    if found is None:
        raise IncidentError(f"postgres and backend of its {COMPOSE_FILE} share no network; give a checkout in which they do")
    return str(found)


def check(services: Model) -> None:
    """Refuse, in one sentence, a compose file whose services are not those of Circuit Sage or cannot be moved."""
    lacking = [name for name in SERVICES if name not in services]
    if lacking:
        raise IncidentError(f"its {COMPOSE_FILE} lacks the service {', '.join(lacking)}; give a checkout of Circuit Sage")
    if "edge" in services:
        raise IncidentError(f"its {COMPOSE_FILE} has a service edge, which is the drill's own nginx; give it another name")
    on_host = ", ".join(name for name, service in services.items() if service.get("network_mode") == "host")
    if on_host:
        raise IncidentError(f"its {COMPOSE_FILE} has {on_host} in the host's network, where ports cannot be moved; give it another network")


def _mounts(mounts: list[t.Any], is_there: Callable[[str], bool]) -> dict[str, t.Any]:
    """The mounts with the host's folders read only; one that is not there stays unmade, and the container gets an empty one in memory."""
    kept: list[t.Any] = []
    absent: list[str] = []
    for mount in mounts:
        if mount["type"] != "bind":
            kept.append(mount)
        elif is_there(mount["source"].replace("$$", "$")):
            kept.append({"type": "bind", "source": mount["source"], "target": mount["target"], "read_only": True})
        else:
            absent.append(mount["target"])
    # Not a mount of the type tmpfs: with one of those the engine gives no other container the volumes of this one.
    return {"volumes": ReplacedList(kept), **({"tmpfs": absent} if absent else {})}


def _networks(service: Model, shared: str, address: str | None) -> dict[str, t.Any]:
    """The networks of a service without addresses of its own, since the subnets are others; with an address it is on the shared one too."""
    keys = service.get("networks") or {}
    found: dict[str, t.Any] = {key: {"aliases": value["aliases"]} if (value or {}).get("aliases") else {} for key, value in keys.items()}
    if address:
        found.setdefault(shared, {})["ipv4_address"] = address
    return found


def override(model: Model, production: Model, sandbox: Model, project: str, is_there: Callable[[str], bool]) -> dict[str, t.Any]:
    """The override of what Compose makes of the application's file, with the ports, the addresses and the edge of our own two files."""
    services = model["services"]
    check(services)
    shared = shared_network(services)
    changed: dict[str, dict[str, t.Any]] = {}
    for name, service in services.items():
        ours = sandbox["services"].get(name, {}) if name in SERVICES else {}
        address = ours.get("networks", {}).get(SANDBOX_NETWORK, {}).get("ipv4_address")
        change: dict[str, t.Any] = {"ports": ReplacedList(production["services"][name]["ports"] if name in SERVICES else [])}
        if service.get("container_name"):
            change["container_name"] = Removed()
        if service.get("build") and service.get("image"):
            # Built under a name of the project's own: the application's tag stays on the image that it has.
            change["image"] = Removed()
        if any(mount["type"] == "bind" for mount in service.get("volumes") or []):
            change.update(_mounts(service["volumes"], is_there))
        if not service.get("network_mode"):
            change["networks"] = ReplacedMapping(_networks(service, shared, address))
        changed[name] = change
    edge = {key: value for key, value in sandbox["services"]["edge"].items() if key != "build"}
    networks: dict[str, t.Any] = {}
    for key, network in (model.get("networks") or {}).items():
        internal = {"internal": True} if (network or {}).get("internal") else {}
        networks[key] = ReplacedMapping(name=f"{project}_{key}", **internal)
    networks[shared].update(sandbox["networks"][SANDBOX_NETWORK])
    labels = sandbox["volumes"]["postgres_data"]["labels"]
    return {
        "services": {**changed, "edge": {**edge, "networks": {shared: edge["networks"][SANDBOX_NETWORK]}}},
        "networks": networks,
        "volumes": {key: ReplacedMapping(name=f"{project}_{key}", labels=labels) for key in model.get("volumes") or {}},
    }


def read(app: Path) -> str:
    """The text of the application's compose file."""
    if not app.is_dir():
        raise IncidentError(f"{app} is no folder; give the folder of a checkout of Circuit Sage")
    path = app / COMPOSE_FILE
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise IncidentError(f"{app} has no {COMPOSE_FILE}; give the folder of a checkout of Circuit Sage") from None
    except (OSError, UnicodeDecodeError) as error:
        raise IncidentError(f"{path} cannot be read ({type(error).__name__}); make it readable") from None


def prepare(app: Path, folder: Path, settings: Mapping[str, str]) -> None:
    """Write the env file and the override into the folder, once the application is known to be one that can be drilled."""
    text = read(app)
    written = parse(text, app / COMPOSE_FILE)
    if wrong := write_env.complaint(dict(settings)):
        raise IncidentError(wrong)
    if not is_new_enough(version := compose.run(["docker", "compose", "version", "--short"], COMPOSE_SECONDS).strip()):
        needed = ".".join(map(str, OLDEST_COMPOSE))
        raise IncidentError(f"an application of your own needs Compose {needed} or newer, and this is {version}; install a newer one")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets_file, override_file = folder / ENV_FILE, folder / OVERRIDE
    existing = secrets_file.read_text(encoding="utf-8") if secrets_file.exists() else ""
    write_env.write_private(secrets_file, env_text(existing, settings, text))
    env_files = without_env_files(written, secrets_file)
    write_env.write_private(override_file, as_yaml({"services": env_files}))
    project = settings["SANDBOX_PROJECT"]
    command = compose.arguments(app, project, [COMPOSE_FILE, str(override_file)], str(secrets_file))
    try:
        model = yaml.safe_load(compose.run([*command, "config", "--format", "json"], COMPOSE_SECONDS))
    except compose.ComposeUnavailable as error:
        raise IncidentError(f"{app / COMPOSE_FILE} cannot be used: {error}") from None
    production, sandbox = (
        yaml.safe_load((STACK / name).read_text(encoding="utf-8")) for name in (COMPOSE_FILE, "docker-compose.sandbox.yml")
    )
    content = override(model, production, sandbox, project, lambda source: Path(source).exists())
    for name, change in env_files.items():
        # One of a profile that is not asked for is no service of the model.
        content["services"].setdefault(name, {}).update(change)
    write_env.write_private(override_file, as_yaml(content))


def main(arguments: list[str]) -> int:
    """Command line."""
    app, folder = map(Path, arguments)
    settings = {name: os.environ.get(name) or default for name, default in write_env.SETTINGS.items()}
    try:
        prepare(app, folder, settings)
    except (IncidentError, OSError) as error:
        print(f"stack: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
