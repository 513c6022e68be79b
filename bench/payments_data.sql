-- So many companies with payments that are due, by their numbers: each failed for want of money in each of so many months, and its
-- company pays into the account that it shares with so many others. Asked with the parameters companies, periods and each.
INSERT INTO companies (id, name, subdomain, settings)
SELECT md5('company' || n)::uuid, 'Company ' || lpad(n::text, 5, '0'), 'paying-' || n,
  jsonb_build_object('integrations', jsonb_build_object('payment', jsonb_build_object(
    'provider', 'square', 'enabled', true, 'settings', jsonb_build_object('testMode', true),
    'credentials', jsonb_build_object('accessToken', 'EAAAtoken-' || (n - 1) / %(each)s, 'locationId', 'L' || (n - 1) / %(each)s))))
FROM generate_series(1, %(companies)s) n;

INSERT INTO subscriptions (id, company_id, status, monthly_amount, autopay_enabled, square_customer_id, square_card_id)
SELECT md5('subscription' || n)::uuid, md5('company' || n)::uuid, 'past_due', 50, true, 'customer-' || n, 'ccof:card-' || n
FROM generate_series(1, %(companies)s) n;

INSERT INTO subscription_payments (id, subscription_id, company_id, amount, status, billing_period_start, billing_period_end,
  location_count, failure_reason, created_at, updated_at)
SELECT md5('payment' || n || '/' || m)::uuid, md5('subscription' || n)::uuid, md5('company' || n)::uuid, 50, 'failed',
  start, start + interval '1 month - 1 second', 1, 'INSUFFICIENT_FUNDS', now() - interval '40 days', now() - interval '40 days'
FROM generate_series(1, %(companies)s) n, generate_series(0, %(periods)s - 1) m,
  LATERAL (SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => m)) AT TIME ZONE 'UTC' AS start) s;

ANALYZE companies;
ANALYZE subscriptions;
ANALYZE subscription_payments;
