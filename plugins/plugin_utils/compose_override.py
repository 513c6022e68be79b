# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of the override with what an incident adds to it. Pure."""

from __future__ import annotations

import typing as t

import yaml

from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

# Compose puts the lists of several files together; with this tag a list stands instead of those before it.
TAG = "!override"
_WHOLE = ("ports",)

Mapping = dict[str, t.Any]


class _Loader(yaml.SafeLoader):
    """Takes Compose's own tags for what they stand at."""


class _Dumper(yaml.SafeDumper):
    """Lists are indented, as yamllint wants them by default."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


class _Whole(list[t.Any]):
    """A list that stands instead of those of the files before."""


def _untagged(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> t.Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(t.cast(yaml.ScalarNode, node))


_Loader.add_multi_constructor("!", _untagged)
_Dumper.add_representer(_Whole, lambda dumper, value: dumper.represent_sequence(TAG, value))


def _merged(old: t.Any, new: t.Any) -> t.Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}
    return new


def _tagged(value: t.Any, name: str = "") -> t.Any:
    if isinstance(value, dict):
        return {key: _tagged(inner, key) for key, inner in value.items()}
    return _Whole(value) if name in _WHOLE and isinstance(value, list) else value


def merge(text: str, addition: Mapping) -> str:
    """The override with an addition. Its ports are all that a service publishes."""
    try:
        content = yaml.load(text, Loader=_Loader) or {}  # noqa: S506 - a safe one
    except yaml.YAMLError:
        raise IncidentError("docker-compose.incident.yml is not YAML; correct it or remove it, then run again") from None
    if not isinstance(content, dict):
        raise IncidentError("docker-compose.incident.yml is no compose file; correct it or remove it, then run again")
    merged: str = yaml.dump(_tagged(_merged(content, addition)), Dumper=_Dumper, sort_keys=True, width=160)
    return merged
