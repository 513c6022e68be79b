# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL of a billing audit: one pass over all companies that names the suspicious ones, and a look at these that says what is wrong.

The pass never misses a company with something wrong, and may name one with nothing wrong. It is made of two halves of the companies, which
two processes of the server can take at the same time. The look is exact; only what is wrong leaves the server. Both take the parameters
of `parameters`.
"""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from .billing_terms import FIRST_YEAR as _FIRST_YEAR
from .billing_terms import Terms, period_of

# A subscription that counts is not deleted and in one of these; "canceled", "cancelled" and "expired" have ended.
_COUNTING = "(s.deleted_at IS NULL AND s.status IN ('active', 'pending', 'past_due'))"
# The backend bills on the billing day at this hour.
_RUN_HOUR = 2
# Whose amount has to be looked at: of the pending payments all, of the paid ones those of the current period.
_JUDGED = "p.status = 'pending' OR (p.status = 'succeeded' AND p.billing_period_start >= %(period_start)s)"


def parameters(terms: Terms, now: datetime, companies: t.Sequence[str] = ()) -> dict[str, t.Any]:
    """The parameters of both statements. For the present the locations are counted without looking at the clock of any server."""
    as_of = terms.as_of or now
    return {
        "as_of": as_of,
        "reference": as_of if terms.as_of else "infinity",
        "period_start": period_of(as_of)[0],
        "due_day": last_due_day(as_of),
        "price": terms.price,
        "first_free": terms.first_location_free,
        "companies": list(companies),
    }


def last_due_day(as_of: datetime) -> int:
    """The last day of the period whose billing moment is past at that time; 0 before the first one."""
    since = as_of - period_of(as_of)[0] - timedelta(hours=_RUN_HOUR)
    return max(-(-since // timedelta(days=1)), 0)


def _there(table: str, present: bool) -> str:
    """Whether a row of the table was there at the moment of the audit."""
    if present:
        return f"{table}.deleted_at IS NULL"
    return f"({table}.created_at <= %(reference)s AND ({table}.deleted_at IS NULL OR {table}.deleted_at > %(reference)s))"


# The ids of companies are random, so that this halves them.
_MIDDLE = "'80000000-0000-0000-0000-000000000000'"
_HALVES = (f"< {_MIDDLE}", f">= {_MIDDLE}")
# Each subscription with what its payments say; its billed months are the bits of one value. `odd`: two payments of a month, or one that
# cannot be right. `gaps`: the billing day never comes, or a month from the first one to the last that is due has no payment. Where the
# current month is not due yet, a payment that it has already does not stand in for another.
_CONTRACT = f"""
  SELECT s.id, s.company_id, s.monthly_amount, {_COUNTING} AS counting,
    min(p.created_at) FILTER (WHERE {_JUDGED}) AS made,
    count(p.id) > bit_count(bit_or(m.bit)) OR bool_or(CASE WHEN m.number IS NULL THEN p.id IS NOT NULL
      WHEN p.status = 'pending' THEN p.amount <> p.location_count * %(price)s OR ({_COUNTING} AND p.amount <> s.monthly_amount)
      WHEN p.status = 'succeeded' THEN p.billing_period_start >= %(period_start)s AND {_COUNTING} AND p.amount <> s.monthly_amount
      ELSE false END) AS odd,
    s.billing_day NOT BETWEEN 1 AND 28 OR (s.status = 'active' AND CASE WHEN min(m.number) IS NULL THEN s.created_at < %(as_of)s
      WHEN s.billing_day <= %(due_day)s THEN bit_count(bit_or(m.bit)) <= {{months}} - min(m.number)
      ELSE bit_count(bit_or(m.bit)) - get_bit(bit_or(m.bit), {{months}} - 1) < {{months}} - min(m.number) END) AS gaps
  FROM subscriptions s LEFT JOIN subscription_payments p ON p.subscription_id = s.id LEFT JOIN (
    SELECT start, number::int, set_bit(0::bit({{months}}), number::int - 1, 1) AS bit
    FROM generate_series(timestamptz '{_FIRST_YEAR}-01-01 00:00:00+00', %(period_start)s, interval '1 month')
      WITH ORDINALITY AS m (start, number)
  ) m ON m.start = p.billing_period_start
  WHERE s.company_id {{half}} GROUP BY s.id"""  # noqa: S608 # only text of this file goes in; values are parameters
# Each company with what its locations say. Deleted ones count for the last event.
_TALLY = """
  SELECT l.company_id, count(*) FILTER (WHERE {live}) AS locations,
    count(*) FILTER (WHERE {live} AND NOT l.is_free) AS unflagged,
    min(l.created_at) FILTER (WHERE {live} AND l.is_free) AS first_flagged,
    min(l.created_at) FILTER (WHERE {live} AND NOT l.is_free) AS first_unflagged,
    max(greatest(l.created_at, l.deleted_at)) AS last_event
  FROM locations l WHERE l.company_id {half} GROUP BY l.company_id"""
_HALF = f"""
SELECT count(*) FILTER (WHERE {{alive}}), count(*) FILTER (WHERE s.counting), coalesce(sum(k.locations), 0)::bigint,
  count(k.company_id) > 0,
  coalesce(array_agg(c.id::text) FILTER (WHERE s.odd OR CASE WHEN NOT {{alive}} THEN s.counting
    WHEN s.id IS NULL THEN k.unflagged > 0
    WHEN s.counting THEN s.gaps OR k.first_flagged = k.first_unflagged OR k.last_event > least(s.made, %(as_of)s)
      OR s.monthly_amount <> %(price)s * (coalesce(k.unflagged, 0) - coalesce(
        %(first_free)s AND k.unflagged > 0 AND (k.first_flagged IS NULL OR k.first_unflagged < k.first_flagged), false)::int)
    END), '{{{{}}}}')
FROM companies c LEFT JOIN ({_CONTRACT}) s ON s.company_id = c.id LEFT JOIN ({_TALLY}) k ON k.company_id = c.id WHERE c.id {{half}}
"""  # noqa: S608


def survey(terms: Terms, now: datetime) -> str:
    """A row for each half: how many companies, counting subscriptions and locations, whether any location is there, who is suspicious."""
    live, alive = _there("l", terms.as_of is None), _there("c", terms.as_of is None)
    as_of = terms.as_of or now
    months = (as_of.year - _FIRST_YEAR) * 12 + as_of.month
    return " UNION ALL ".join(_HALF.format(live=live, alive=alive, months=months, half=half) for half in _HALVES)


def counts(terms: Terms) -> str:
    """The same numbers for the companies that were named, and which of them there are."""
    live, alive = _there("l", terms.as_of is None), _there("c", terms.as_of is None)
    return f"""
SELECT (SELECT count(*) FROM companies c WHERE c.id = ANY(%(companies)s::uuid[]) AND {alive}),
  (SELECT count(*) FROM subscriptions s WHERE s.company_id = ANY(%(companies)s::uuid[]) AND {_COUNTING}),
  (SELECT count(*) FROM locations l WHERE l.company_id = ANY(%(companies)s::uuid[]) AND {live}),
  EXISTS (SELECT FROM locations),
  (SELECT coalesce(array_agg(id::text), '{{}}') FROM companies WHERE id = ANY(%(companies)s::uuid[]))
"""  # noqa: S608


# The counting subscriptions of companies that are there, which have one at Square, with what Square is asked with. The token is as stored.
AT_SQUARE = f"""
SELECT c.id::text, c.name, s.id::text, s.square_subscription_id, (s.monthly_amount * 100)::bigint,
  c.settings #>> '{{integrations,payment,credentials,accessToken}}',
  coalesce(c.settings #>> '{{integrations,payment,settings,testMode}}' = 'true', false)
FROM subscriptions s JOIN companies c ON c.id = s.company_id
WHERE {_COUNTING} AND c.deleted_at IS NULL AND s.square_subscription_id <> ''
  AND (%(companies)s::uuid[] IS NULL OR c.id = ANY(%(companies)s::uuid[]))
ORDER BY c.name, c.id
"""  # noqa: S608


def _at(moment: str) -> str:
    return f"l.created_at <= {moment} AND (l.deleted_at IS NULL OR l.deleted_at > {moment})"


# A billing day that the month does not have never comes; for what was billed all the same the last day stands in.
_BILLED_AT = f"""p.month + make_interval(hours => {_RUN_HOUR},
      days => least(greatest(f.billing_day, 1), extract(day FROM p.month + interval '1 month - 1 day')::int) - 1)"""

# The companies, their subscriptions, and what is due for them at the moment of the audit.
_FIRMS = f"""
place AS MATERIALIZED (
  SELECT l.company_id, l.id, l.name, l.is_free, l.created_at, l.updated_at, l.deleted_at,
    row_number() OVER (PARTITION BY l.company_id ORDER BY l.created_at, l.id) AS rank
  FROM locations l WHERE l.company_id = ANY(%(companies)s::uuid[])
), present AS (
  SELECT l.company_id, count(*) FILTER (WHERE NOT l.is_free) AS unflagged,
    CASE WHEN min(l.rank) = min(l.rank) FILTER (WHERE NOT l.is_free) THEN min(l.rank) END AS first_unflagged
  FROM place l WHERE {_at("%(reference)s")} GROUP BY l.company_id
), firm AS MATERIALIZED (
  SELECT c.id AS company_id, c.name AS company,
    c.created_at <= %(reference)s AND (c.deleted_at IS NULL OR c.deleted_at > %(reference)s) AS alive,
    s.id AS subscription_id, s.status, s.monthly_amount AS stored, s.billing_day, s.created_at, s.updated_at,
    coalesce(s.autopay_enabled AND s.square_subscription_id <> '', false) AS by_square, coalesce({_COUNTING}, false) AS counting,
    CASE WHEN %(first_free)s THEN l.name END AS freed, d.billable, d.billable * %(price)s AS due
  FROM companies c LEFT JOIN subscriptions s ON s.company_id = c.id AND s.company_id = ANY(%(companies)s::uuid[])
  LEFT JOIN present n ON n.company_id = c.id LEFT JOIN place l ON l.company_id = c.id AND l.rank = n.first_unflagged
  CROSS JOIN LATERAL (SELECT coalesce(n.unflagged, 0) - (%(first_free)s AND n.first_unflagged IS NOT NULL)::int AS billable) d
  WHERE c.id = ANY(%(companies)s::uuid[])
), drifted AS MATERIALIZED (
  SELECT * FROM firm WHERE alive AND counting AND stored <> due
)"""  # noqa: S608

# The payments, and which of them are judged by what. One with a payment at Square is paid, whatever its status says.
_PAYMENTS = f"""
payment AS MATERIALIZED (
  SELECT p.id, p.subscription_id, p.billing_period_start, date_trunc('month', p.billing_period_start) AS month, p.amount,
    p.location_count, p.failure_reason, p.created_at, p.updated_at, p.status IN ('pending', 'succeeded') AS open,
    p.status = 'succeeded' OR coalesce(p.square_payment_id, '') <> '' AS paid
  FROM subscription_payments p WHERE p.subscription_id IN (SELECT f.subscription_id FROM firm f)
), ranked AS MATERIALIZED (
  SELECT p.*, row_number() OVER w AS position, first_value(p.id) OVER w AS survivor, {_BILLED_AT} AS billed_at,
    f.company_id, f.company, f.counting AND f.alive AS billed, f.billable, f.due, f.freed
  FROM payment p JOIN firm f USING (subscription_id) WHERE p.open
  WINDOW w AS (PARTITION BY p.subscription_id, p.billing_period_start ORDER BY p.paid DESC, p.created_at, p.id)
), judged AS MATERIALIZED (
  SELECT p.*, CASE WHEN p.paid THEN p.created_at WHEN p.billing_period_start < %(period_start)s THEN p.billed_at END AS moment,
    CASE WHEN NOT p.paid AND p.billing_period_start < %(period_start)s THEN p.updated_at END AS other_moment
  FROM ranked p WHERE p.billed AND p.position = 1 AND (NOT p.paid OR p.month = %(period_start)s)
), newest AS (
  SELECT subscription_id, max(created_at) AS created_at, min(month) AS first_month FROM payment GROUP BY subscription_id
)"""  # noqa: S608

# Months that were never billed. Without any payment they begin with the first billing moment of the subscription's life.
_GAPS = f"""
gap AS MATERIALIZED (
  SELECT f.*, m.month, m.month + make_interval(days => f.billing_day - 1, hours => {_RUN_HOUR}) AS billed_at
  FROM firm f LEFT JOIN newest n ON n.subscription_id = f.subscription_id
  CROSS JOIN LATERAL generate_series(
    coalesce(n.first_month, date_trunc('month', f.created_at)), %(period_start)s, interval '1 month') AS m (month)
  LEFT JOIN payment p ON p.subscription_id = f.subscription_id AND p.month = m.month
  WHERE f.alive AND f.counting AND f.status = 'active' AND p.id IS NULL
  AND f.billing_day BETWEEN 1 AND extract(day FROM m.month + interval '1 month - 1 day')
  AND m.month + make_interval(days => f.billing_day - 1, hours => {_RUN_HOUR}) < %(as_of)s
  AND (n.first_month IS NOT NULL OR m.month + make_interval(days => f.billing_day - 1, hours => {_RUN_HOUR}) > f.created_at)
), tail AS MATERIALIZED (
  SELECT billing_day, count(*) AS missing, (array_agg(subscription_id ORDER BY subscription_id))[1] AS first
  FROM gap WHERE month = %(period_start)s GROUP BY billing_day HAVING count(*) > 1
), batch AS MATERIALIZED (
  SELECT w.billing_day, w.missing, count(DISTINCT s.id) AS done, max(p.created_at) AS last
  FROM tail w JOIN subscriptions s ON s.billing_day = w.billing_day AND s.status IN ('active', 'pending') AND s.deleted_at IS NULL
  JOIN subscription_payments p ON p.subscription_id = s.id AND p.billing_period_start >= %(period_start)s
    AND p.billing_period_start < %(period_start)s + interval '1 month'
  GROUP BY w.billing_day, w.missing, w.first HAVING NOT bool_or(s.id > w.first)
)"""  # noqa: S608

# What was due at other moments: by locations as they were then, with the flags of today, since nothing records when a flag changed.
_HISTORY = f"""
question AS (
  SELECT company_id, updated_at AS moment FROM drifted WHERE mod(stored, %(price)s) = 0
  UNION SELECT d.company_id, n.created_at FROM drifted d JOIN newest n USING (subscription_id) WHERE mod(d.stored, %(price)s) = 0
  UNION SELECT company_id, moment FROM judged WHERE moment IS NOT NULL
  UNION SELECT company_id, other_moment FROM judged WHERE other_moment IS NOT NULL
  UNION SELECT company_id, billed_at FROM gap WHERE month < %(period_start)s
), history AS MATERIALIZED (
  SELECT q.company_id, q.moment, count(*) FILTER (WHERE NOT l.is_free)
    - (%(first_free)s AND coalesce(min(l.rank) = min(l.rank) FILTER (WHERE NOT l.is_free), false))::int AS billable
  FROM question q JOIN place l ON l.company_id = q.company_id AND {_at("q.moment")} GROUP BY q.company_id, q.moment
)"""  # noqa: S608

# The location events that explain a stored amount: without those after the anchor it would be right. An event that changed a location may
# have been its "free" switch, so each is allowed to count for one location.
_EVENTS = f"""
anchor AS (
  SELECT a.company_id, a.subscription_id, a.turn, a.moment, (a.stored / %(price)s)::bigint AS n, coalesce(h.billable, 0) AS billable
  FROM (
    SELECT company_id, subscription_id, stored, 1 AS turn, updated_at AS moment FROM drifted
    UNION ALL SELECT d.company_id, d.subscription_id, d.stored, 2, n.created_at FROM drifted d JOIN newest n USING (subscription_id)
  ) a LEFT JOIN history h ON h.company_id = a.company_id AND h.moment = a.moment
  WHERE mod(a.stored, %(price)s) = 0
), event AS (
  SELECT a.subscription_id, a.turn, l.name, l.id,
    CASE WHEN l.created_at > a.moment THEN 'created' WHEN {_at("%(reference)s")} THEN 'changed' ELSE 'deleted' END AS what,
    CASE WHEN l.created_at > a.moment THEN l.created_at WHEN {_at("%(reference)s")} THEN l.updated_at ELSE l.deleted_at END AS at
  FROM anchor a JOIN place l USING (company_id)
  WHERE CASE WHEN l.created_at > a.moment THEN {_at("%(reference)s")}
    WHEN {_at("%(reference)s")} THEN l.updated_at > a.moment AND a.n <> a.billable AND l.is_free = (a.n > a.billable)
    ELSE l.deleted_at > a.moment END
), explained AS (
  SELECT DISTINCT ON (a.subscription_id) a.subscription_id, a.turn FROM anchor a JOIN event e USING (subscription_id, turn)
  GROUP BY a.subscription_id, a.turn, a.n, a.billable HAVING abs(a.n - a.billable) <= count(*) FILTER (WHERE e.what = 'changed')
  ORDER BY a.subscription_id, a.turn
), told AS (
  SELECT e.subscription_id, count(*) AS events,
    (array_agg(json_build_object('name', e.name, 'what', e.what, 'at', e.at) ORDER BY e.at, e.id))[1:5] AS shown
  FROM event e JOIN explained USING (subscription_id, turn) GROUP BY e.subscription_id
), rated AS (
  SELECT d.*, o.events, o.shown, CASE WHEN o.events IS NULL AND d.billable > 0 AND d.stored > 0 AND mod(d.stored, d.billable * 0.01) = 0
    AND NOT (d.freed IS NOT NULL AND d.stored = d.due + %(price)s) THEN d.stored / d.billable END AS price
  FROM drifted d LEFT JOIN told o USING (subscription_id)
), shared AS (
  SELECT *, count(price) OVER (PARTITION BY price) AS sharing FROM rated
)"""  # noqa: S608

# Columns: kind, mend, company_id, company, subscription_id, payment_id, period, stored, due, location_count, facts for the reason.
_DRIFT = """
SELECT CASE WHEN events > 0 THEN 'location_change_missed' WHEN sharing > 1 THEN 'price_drift' ELSE 'amount_drift' END AS kind,
  'set' AS mend, company_id, company, subscription_id, NULL::uuid AS payment_id, NULL::date AS period, stored::text,
  due::numeric(14, 2)::text AS due, billable AS location_count, json_build_object('freed', freed, 'events', events, 'shown', to_json(shown),
    'price', CASE WHEN sharing > 1 THEN price::numeric(14, 2)::text END) AS facts
FROM shared"""
_COMPANY = """
SELECT 'subscription_missing', 'report', company_id, company, NULL, NULL, NULL, '0.00', due::numeric(14, 2)::text, billable,
  json_build_object('freed', freed)
FROM firm WHERE alive AND subscription_id IS NULL AND billable > 0
UNION ALL
SELECT 'subscription_orphaned', 'approve', company_id, company, subscription_id, NULL, NULL, stored::text, '0.00', 0,
  json_build_object('status', status)
FROM firm WHERE NOT alive AND counting
UNION ALL
SELECT 'billing_day_invalid', 'approve', company_id, company, subscription_id, NULL, NULL, billing_day::text,
  CASE WHEN billing_day < 1 THEN '1' ELSE '28' END, billable, '{}'::json
FROM firm WHERE alive AND counting AND billing_day NOT BETWEEN 1 AND 28"""
_PAID = """
SELECT 'payment_duplicate', CASE WHEN paid THEN 'propose' ELSE 'void' END, company_id, company, subscription_id, id, month::date,
  amount::text, '0.00', location_count, json_build_object('survivor', survivor, 'failure_reason', failure_reason)
FROM ranked WHERE position > 1
UNION ALL
SELECT 'payment_amount_wrong', CASE WHEN j.paid THEN 'propose' ELSE 'set' END, j.company_id, j.company, j.subscription_id, j.id,
  j.month::date, j.amount::text, (d.billable * %(price)s)::numeric(14, 2)::text, d.billable,
  json_build_object('freed', j.freed, 'count', j.location_count, 'at', j.moment, 'paid', j.paid)
FROM judged j LEFT JOIN history h ON h.company_id = j.company_id AND h.moment = j.moment
LEFT JOIN history o ON o.company_id = j.company_id AND o.moment = j.other_moment
CROSS JOIN LATERAL (SELECT CASE WHEN j.moment IS NULL THEN j.billable ELSE coalesce(h.billable, 0) END AS billable) d
WHERE CASE WHEN j.paid THEN j.amount <> d.billable * %(price)s ELSE
  (j.amount, j.location_count) <> (d.billable * %(price)s, d.billable)
  AND (j.other_moment IS NULL OR (j.amount, j.location_count) <> (coalesce(o.billable, 0) * %(price)s, coalesce(o.billable, 0))) END
UNION ALL
SELECT CASE WHEN b.done > 0 THEN 'batch_interrupted' ELSE 'payment_missing' END, 'create', g.company_id, g.company, g.subscription_id,
  NULL, g.month::date, '0.00', (d.billable * %(price)s)::numeric(14, 2)::text, d.billable,
  json_build_object('freed', g.freed, 'billed_at', g.billed_at, 'by_square', g.by_square, 'day', g.billing_day, 'done', b.done,
    'missing', b.missing, 'last', b.last)
FROM gap g LEFT JOIN history h ON h.company_id = g.company_id AND h.moment = g.billed_at
LEFT JOIN batch b ON b.billing_day = g.billing_day AND g.month = %(period_start)s
CROSS JOIN LATERAL (SELECT CASE WHEN g.month = %(period_start)s THEN g.billable ELSE coalesce(h.billable, 0) END AS billable) d"""

EXAMINATION = (
    "WITH "
    + ", ".join((_FIRMS, _PAYMENTS, _GAPS, _HISTORY, _EVENTS))
    + "\nSELECT * FROM ("
    + "\nUNION ALL".join((_DRIFT, _COMPANY, _PAID))
    + "\n) AS found ORDER BY company, company_id, kind, period, payment_id\n"
)
