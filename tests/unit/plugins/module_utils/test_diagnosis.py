# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From observations to findings, plan and outcome: ranking, refusals, guards, and the judgement at the end."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.circuit_sage.incident_response.plugins.module_utils import diagnosis
from ansible_collections.circuit_sage.incident_response.plugins.module_utils.errors import IncidentError

HEALTHY: dict[str, t.Any] = {
    "stack": {
        "engine": {"reachable": True, "error": None},
        "services": {
            "postgres": {"state": "running", "exit_code": 0, "restart_count": 0},
            "backend": {"state": "running", "exit_code": 0, "restart_count": 0},
        },
        "hold": {"text": None},
    },
    "postgres": {
        "error": None,
        "write": {"ok": True, "class": "ok", "message": None},
        "blockers": [],
        "server": {"system_identifier": "1"},
        "content": {"companies": 40},
    },
    "edge": {"answers": True, "probes": [{"url": "http://edge/api/health", "status": 200, "class": "ok"}]},
}


def observed(**changes: t.Any) -> dict[str, t.Any]:
    """Healthy observations with some paths changed, `postgres__error={…}`."""
    result = copy.deepcopy(HEALTHY)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = result
        for parent in parents:
            place = place[parent]
        place[last] = value
    return result


def cause(identity: str, layer: str = "process", **changes: t.Any) -> dict[str, t.Any]:
    entry = {
        "id": identity,
        "title": f"title of {identity}",
        "layer": layer,
        "match": "stack.engine.reachable",
        "evidence": "{state: stack.services.postgres.state}",
        "remedy": f"mend_{identity}",
        "risk": "disruptive",
        "why_not_restart": "because",
        **changes,
    }
    return {key: value for key, value in entry.items() if value is not None}


def test_the_deepest_layer_comes_first_and_order_decides_within_one() -> None:
    causes = [cause("shallow", "edge"), cause("second", "process"), cause("first", "network"), cause("third", "process")]
    assert [finding["id"] for finding in diagnosis.diagnose(HEALTHY, causes)] == ["first", "second", "third", "shallow"]


def test_only_true_matches_not_what_is_merely_truthy() -> None:
    causes = [cause("text", match="stack.services.postgres.state"), cause("absent", match="stack.nowhere"), cause("no", match="`false`")]
    assert diagnosis.diagnose(HEALTHY, causes) == []


def test_a_finding_carries_its_evidence() -> None:
    (finding,) = diagnosis.diagnose(HEALTHY, [cause("a")])
    assert finding["evidence"] == {"state": "running"}
    assert finding["status"] == "found"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"title": None}, "cause a lacks title"),
        ({"id": None}, "cause without an id lacks id"),
        ({"colour": "red"}, "cause a has unknown keys colour"),
        ({"layer": "cellar"}, "cause a has the layer cellar; use one of host, engine"),
        ({"risk": None}, "has a remedy with the risk None; use one of safe"),
        ({"match": "a ||"}, "match is not JMESPath"),
        ({"evidence": "{"}, "evidence is not JMESPath"),
        ({"match": "length(stack.nowhere) > `0`"}, "cause a cannot be evaluated"),
    ],
)
def test_a_cause_that_cannot_be_used_is_named(changes: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises(IncidentError, match=sentence):
        diagnosis.diagnose(HEALTHY, [cause("a", **changes)])


def test_two_causes_of_one_id_are_refused() -> None:
    with pytest.raises(IncidentError, match="cause a stands twice"):
        diagnosis.check_causes([cause("a"), cause("a")])


def findings(*causes: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    return diagnosis.diagnose(HEALTHY, list(causes))


def decisions(planned: list[dict[str, t.Any]]) -> dict[str, str]:
    return {finding["id"]: finding["reason"] or finding["decision"] for finding in planned}


def test_each_remedy_is_planned_once() -> None:
    planned = diagnosis.plan(findings(cause("a", remedy="mend"), cause("b", remedy="mend")))
    assert decisions(planned) == {"a": "act", "b": "mend is planned already"}


def test_a_remedy_that_was_tried_is_not_tried_again() -> None:
    assert "tried already" in decisions(diagnosis.plan(findings(cause("a")), tried=["mend_a"]))["a"]


@pytest.mark.parametrize(
    ("risk", "limit", "approve", "acts"),
    [
        ("safe", "safe", [], True),
        ("disruptive", "safe", [], False),
        ("disruptive", "safe", ["a"], True),
        ("disruptive", "disruptive", [], True),
        ("destructive", "disruptive", [], False),
        ("destructive", "destructive", [], False),
        ("destructive", "safe", ["mend_a"], True),
        ("destructive", "destructive", ["another"], False),
    ],
)
def test_risk_limit_and_approval(risk: str, limit: str, approve: list[str], acts: bool) -> None:
    (finding,) = diagnosis.plan(findings(cause("a", risk=risk)), limit, approve)
    assert (finding["decision"] == "act") is acts
    assert bool(finding["reason"]) is not acts


def test_a_cause_without_a_remedy_is_left_with_its_reason() -> None:
    planned = diagnosis.plan(findings(cause("a", remedy=None, risk=None, escalate="ask the owner"), cause("b", remedy=None, risk=None)))
    assert decisions(planned) == {"a": "ask the owner", "b": "no remedy is known to be right; a person decides"}


def test_a_hold_on_everything_keeps_back_all_but_a_security_incident() -> None:
    found = findings(cause("a", role="db_failure"), cause("b", role="security_incident"))
    planned = diagnosis.plan(found, hold="security incident x", hold_everything=True)
    assert [(one["id"], one["decision"]) for one in planned] == [("a", "leave"), ("b", "act")]
    assert planned[0]["reason"] == "a hold is set (security incident x); lift it, or approve with incident_approve=a"
    assert [one["decision"] for one in diagnosis.plan(found, approve=["a"], hold="x", hold_everything=True)] == ["act", "act"]


def test_what_contains_comes_before_what_mends() -> None:
    found = findings(cause("deep", "host"), cause("patch", "container", phase="patch"), cause("contain", "application", phase="contain"))
    assert [one["id"] for one in diagnosis.in_phases(diagnosis.plan(found))] == ["contain", "deep", "patch"]


def test_a_phase_that_is_none_is_refused() -> None:
    with pytest.raises(IncidentError, match="has the phase later; use one of contain, block, rotate, patch"):
        diagnosis.check_causes([cause("a", phase="later")])


def test_a_hold_is_respected_unless_approved() -> None:
    found = findings(cause("a", respects_hold=True), cause("b"))
    assert "a hold is set (forensics)" in decisions(diagnosis.plan(found, hold="forensics"))["a"]
    assert decisions(diagnosis.plan(found, hold="forensics"))["b"] == "act"
    assert decisions(diagnosis.plan(found, approve=["a"], hold="forensics"))["a"] == "act"


SICK = {
    "engine": (observed(stack__engine={"reachable": False, "error": "no socket"}), "the Docker engine does not answer: no socket"),
    "container": (observed(stack__services__postgres={"state": "exited", "exit_code": 0}), "postgres is exited"),
    "login": (observed(postgres__error={"class": "x", "message": "FATAL"}), "does not let the application in: FATAL"),
    "write": (observed(postgres__write={"ok": False, "class": "read_only", "message": "read-only"}), "a write fails: read-only"),
    "lock": (observed(postgres__blockers=[{"waiting": 2}]), "2 sessions wait for a lock"),
    "edge": (
        observed(edge={"answers": False, "probes": [{"url": "u", "status": None, "class": "refused"}, {"url": "v", "status": 503}]}),
        "the service does not answer: u refused, v 503",
    ),
}


def test_the_healthy_system_has_no_symptoms() -> None:
    assert diagnosis.symptoms(HEALTHY) == []


@pytest.mark.parametrize("name", SICK)
def test_each_kind_of_sickness_is_a_symptom(name: str) -> None:
    observations, sentence = SICK[name]
    assert sentence in "; ".join(diagnosis.symptoms(observations))


def test_a_missing_container_is_a_symptom() -> None:
    sick = observed()
    del sick["stack"]["services"]["backend"]
    assert "backend is missing" in diagnosis.symptoms(sick)


def test_what_was_seen_is_one_line() -> None:
    sick = observed(stack__services__postgres={"state": "exited", "exit_code": 137}, postgres__error={"class": "refused", "message": "m"})
    sick["stack"]["services"]["backend"]["restart_count"] = 4
    assert diagnosis.seen(sick) == "postgres exited (137); backend running, 4 restarts; login refused; service answers"
    assert diagnosis.seen(SICK["engine"][0]) == "the Docker engine does not answer"
    assert "write ok; service does not answer" in diagnosis.seen(SICK["edge"][0])


def test_rows_or_a_cluster_that_are_gone_are_a_loss() -> None:
    after = observed(postgres__content={"companies": 39}, postgres__server={"system_identifier": "2"})
    assert diagnosis.preserved(HEALTHY, after) == [
        "this is another database cluster: system identifier 1 became 2",
        "companies had 40 rows and has 39",
    ]


@pytest.mark.parametrize("before", [None, {}, observed(postgres__content=None, postgres__server=None)])
def test_what_was_not_known_before_is_no_loss(before: dict[str, t.Any] | None) -> None:
    assert diagnosis.preserved(before, HEALTHY) == []


SICK_LOGIN = SICK["login"][0]
ACT = {"id": "a", "decision": "act", "reason": ""}
LEFT = {"id": "b", "decision": "leave", "reason": "too risky"}


@pytest.mark.parametrize(
    ("before", "after", "found", "acted", "act", "failure", "outcome", "text"),
    [
        (HEALTHY, HEALTHY, [], False, True, None, "healthy", "nothing is broken"),
        (HEALTHY, HEALTHY, [], False, False, None, "healthy", "nothing is broken"),
        (SICK_LOGIN, SICK_LOGIN, [ACT], False, False, None, "diagnosed", "cause a; nothing was changed"),
        (SICK_LOGIN, SICK_LOGIN, [], False, False, None, "diagnosed", "unknown: no known cause explains PostgreSQL does not"),
        (SICK_LOGIN, HEALTHY, [ACT], True, True, None, "resolved", "a mended and proven"),
        (SICK_LOGIN, SICK_LOGIN, [], False, True, None, "escalated", "unknown: no known cause explains what is seen; nothing was changed"),
        (SICK_LOGIN, SICK_LOGIN, [ACT], True, True, None, "escalated", "found a. still wrong: PostgreSQL does not let"),
        (SICK_LOGIN, HEALTHY, [ACT, LEFT], True, True, None, "escalated", "left alone: b: too risky"),
        (HEALTHY, observed(postgres__content={"companies": 1}), [ACT], True, True, None, "escalated", "lost: companies had 40 rows"),
        (SICK_LOGIN, SICK_LOGIN, [ACT], True, True, "the run failed at x", "escalated", "the run failed at x"),
        (None, None, [], False, True, None, "escalated", "could not be observed"),
    ],
)
def test_the_outcome(
    before: dict[str, t.Any] | None,
    after: dict[str, t.Any] | None,
    found: list[dict[str, t.Any]],
    acted: bool,
    act: bool,
    failure: str | None,
    outcome: str,
    text: str,
) -> None:
    end = diagnosis.conclude(before, after, found, acted, act, failure)
    assert end["outcome"] == outcome
    assert text in end["text"]


UNANSWERED = observed(edge__answers=False, edge__probes=[])


def test_a_harmless_finding_is_told_and_nothing_is_done() -> None:
    harmless = cause("cache", remedy=None, risk=None, harmless=True)
    planned = diagnosis.plan(diagnosis.diagnose(HEALTHY, [harmless]))
    assert [(finding["decision"], finding["reason"]) for finding in planned] == [("none", "nothing is to be done about it")]
    for act in (True, False):
        end = diagnosis.conclude(HEALTHY, HEALTHY, planned, False, act)
        assert end["outcome"] == "healthy"
        assert "cache was seen and is harmless" in end["text"]


def test_what_is_harmless_explains_nothing_that_is_broken() -> None:
    harmless = cause("cache", remedy=None, risk=None, harmless=True)
    drift = [{"path": "a", "layer": "state", "component": "server", "text": "a was 1 and is 2", "was": 1, "now": 2}]
    sick = {**UNANSWERED, "drift": drift}
    assert diagnosis.diagnose(sick, [harmless])[0]["id"] == "cache"
    assert len(diagnosis.diagnose(sick, [harmless])) == 2
    planned = diagnosis.plan(diagnosis.diagnose(UNANSWERED, [harmless]))
    assert "unknown" in diagnosis.conclude(UNANSWERED, UNANSWERED, planned, False, True)["text"]


def test_a_cause_that_is_told_only_when_asked_for() -> None:
    causes = [cause("hog", when_asked=True, role="high_memory")]
    assert [len(diagnosis.diagnose(HEALTHY, causes, kind)) for kind in ("high_memory", "db_failure", None)] == [1, 0, 1]


def test_a_harmless_cause_has_no_remedy() -> None:
    with pytest.raises(IncidentError, match="cause a is harmless and has a remedy"):
        diagnosis.check_causes([cause("a", harmless=True)])


def test_a_python_without_jmespath_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "jmespath", None)
    with pytest.raises(IncidentError, match="pip install jmespath"):
        diagnosis.check_causes([])


def test_what_makes_an_incident_one_of_security() -> None:
    outage, breach = cause("down", role="db_failure"), cause("breach", role="security_incident")
    found = [diagnosis.diagnose(HEALTHY, causes) for causes in ([], [outage], [outage, breach])]
    assert [diagnosis.about_security("triage", one) for one in found] == [None, None, "new"]
    assert [diagnosis.about_security("triage", one, "new") for one in found] == ["known"] * 3
    assert diagnosis.about_security("security_incident", []) == "new"


def budgeted(**changes: t.Any) -> list[dict[str, t.Any]]:
    return diagnosis.diagnose(HEALTHY, [cause("leak", per_day=2, **changes)])


def test_a_remedy_that_only_puts_a_fault_off_has_a_budget() -> None:
    below = diagnosis.plan(budgeted(), done_lately={"mend_leak": 1})
    spent = diagnosis.plan(budgeted(), done_lately={"mend_leak": 2})
    approved = diagnosis.plan(budgeted(), approve=["leak"], done_lately={"mend_leak": 2})
    assert [plan[0]["decision"] for plan in (below, spent, approved)] == ["act", "leave", "act"]
    assert "carried out 2 times in 24 hours and did not last" in spent[0]["reason"]
    assert "incident_approve=leak" in spent[0]["reason"]


@pytest.mark.parametrize("changes", [{"per_day": 0}, {"per_day": "3"}, {"per_day": 3, "remedy": None}])
def test_a_budget_that_means_nothing_is_refused(changes: dict[str, t.Any]) -> None:
    with pytest.raises(IncidentError, match="say how often a day its remedy may run"):
        diagnosis.check_causes([cause("leak", **changes)])


def begun(age: float | None, answer: str = "closed", **changes: t.Any) -> dict[str, t.Any]:
    """nginx has nobody behind it, the backend's own address answers so, and it began so many seconds ago."""
    probes = [
        {"url": "http://edge/api/health", "status": 502, "class": "bad_gateway"},
        {"url": "http://api", "status": None, "class": answer},
    ]
    edge = {"answers": answer == "ok", "probes": probes}
    return observed(**{"edge": edge, "stack__services__backend__started_seconds_ago": age, **changes})


def starting(answer: str, age: float) -> dict[str, t.Any]:
    """PostgreSQL answers so, and began so many seconds ago; the backend did long before."""
    postgres = {"state": "running", "started_seconds_ago": age}
    return begun(900, postgres__error={"class": answer}, stack__services__postgres=postgres)


@pytest.mark.parametrize("answer", ["refused", "starting_up"])
def test_a_server_that_began_just_now_or_recovers_is_looked_at_again(answer: str) -> None:
    told = diagnosis.on_its_way(starting(answer, 2.5), [])
    assert told and told.startswith("no known cause explains it, but PostgreSQL began 2.5 s ago")


def test_what_began_just_now_is_looked_at_again_before_a_person_is_called() -> None:
    told = diagnosis.on_its_way(begun(0.3), [])
    assert told and told.startswith("no known cause explains it, but the backend began 0.3 s ago")
    drift = {"id": "drift", "drift": ["stack.files"]}
    assert diagnosis.on_its_way(begun(0.3), [drift, {"id": "seen", "harmless": True}]) == told


@pytest.mark.parametrize(
    ("observations", "findings"),
    [
        pytest.param(begun(diagnosis.YOUNG_SECONDS), [], id="it had its time"),
        pytest.param(begun(None), [], id="nobody knows when it began"),
        pytest.param(begun(0.3, stack__services__backend__state="exited"), [], id="it has ended"),
        pytest.param(begun(0.3, postgres__error={"class": "password_rejected"}), [], id="its database refuses it"),
        pytest.param(starting("refused", diagnosis.YOUNG_SECONDS), [], id="its database had its time"),
        pytest.param(begun(0.3, stack__services=None), [], id="nobody knows the services"),
        pytest.param(begun(0.3), [{"id": "down", "harmless": False}], id="a cause explains it"),
        pytest.param(begun(0.3, "ok"), [], id="it listens, and nginx looks elsewhere"),
        pytest.param(begun(0.3, "timeout"), [], id="it listens and does not answer"),
        pytest.param(begun(0.3, edge={"answers": None, "probes": []}), [], id="nobody was asked"),
    ],
)
def test_nothing_is_waited_for_without_need(observations: dict[str, t.Any], findings: list[dict[str, t.Any]]) -> None:
    assert diagnosis.on_its_way(observations, findings) is None


def test_what_a_look_for_a_break_in_could_not_see_is_told() -> None:
    unknown = {"updates": "later", "rotation": "the journal is in a vault", "attacks": "nginx has no log"}
    told = diagnosis.not_seen({**HEALTHY, "security": {"unknown": unknown}})
    assert told == "rotation: the journal is in a vault; attacks: nginx has no log"
    nothing: list[dict[str, t.Any]] = [{}, {"security": None}, {"security": {"unknown": {}}}]
    assert [diagnosis.not_seen({**HEALTHY, **other}) for other in nothing] == [None] * 3
