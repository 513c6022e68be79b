# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions of a security incident to PostgreSQL: who has which powers, who administers the application, what could be read."""

from __future__ import annotations

from collections.abc import Sequence

from .container_psql import literal
from .postgres_catalog import APPLICATION_NAME

_STAMP = "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"


def roles_sql() -> str:
    """The roles with their powers, and how many sessions each has; no password, nor its verifier."""
    return f"""
SELECT jsonb_build_object('roles', coalesce(jsonb_agg(jsonb_build_object(
  'name', rolname, 'superuser', rolsuper, 'can_login', rolcanlogin, 'create_role', rolcreaterole, 'create_database', rolcreatedb,
  'replication', rolreplication, 'bypasses_row_security', rolbypassrls,
  'member_of', ARRAY(SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = pg_roles.oid ORDER BY 1),
  'sessions', (SELECT count(*) FROM pg_stat_activity WHERE usename = rolname AND pid <> pg_backend_pid()
    AND application_name NOT LIKE '{APPLICATION_NAME}%')) ORDER BY rolname), '[]'))
FROM pg_roles WHERE rolname !~ '^pg_';
"""  # noqa: S608 # a name of our own


def accounts_sql(roles: Sequence[str]) -> str:
    """The superusers of the application, and what these database roles can read."""
    names = ", ".join(literal(name) for name in roles)
    return f"""
SELECT jsonb_build_object(
  'accounts', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'email', email, 'role', role, 'company_id', company_id,
      'created_at', {_STAMP.format("created_at")}, 'updated_at', {_STAMP.format("updated_at")}) ORDER BY created_at, email), '[]')
    FROM public.users WHERE deleted_at IS NULL AND (company_id IS NULL OR role = 'superuser')),
  'reach', (SELECT coalesce(jsonb_agg(jsonb_build_object('role', rolname,
      'tables', ARRAY(SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND has_table_privilege(pg_roles.oid, pg_class.oid, 'SELECT') ORDER BY relname),
      'companies', CASE WHEN has_table_privilege(pg_roles.oid, 'public.companies', 'SELECT') THEN
        (SELECT count(*) FROM public.companies WHERE deleted_at IS NULL) ELSE 0 END,
      'with_payment_credentials', CASE WHEN has_table_privilege(pg_roles.oid, 'public.companies', 'SELECT') THEN
        (SELECT count(*) FROM public.companies WHERE settings #>> '{{integrations,payment,credentials,accessToken}}' <> '') ELSE 0 END)
      ORDER BY rolname), '[]') FROM pg_roles WHERE rolname IN ({names})));
"""  # noqa: S608 # names come in through literal()
