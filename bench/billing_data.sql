-- Companies with ten locations, a subscription and a paid month each, made by their numbers alone, so that every run has the same rows. Of each
-- hundred companies three are wrong: a changed amount, a location that was deleted afterwards, another price. :companies says how many.

INSERT INTO companies (id, name, subdomain, created_at, updated_at)
SELECT md5('company ' || n)::uuid, 'Company ' || n, 'company-' || n, '2024-01-08 09:00+00', '2024-01-08 09:00+00'
FROM generate_series(1, :companies) AS n;

INSERT INTO locations (id, company_id, name, address, phone, email, is_free, created_at, updated_at, deleted_at)
SELECT md5('location ' || n || ' ' || position)::uuid, md5('company ' || n)::uuid, 'Shop ' || position, 100 + position || ' Main St',
  '555-' || n || '-' || position, 'shop' || position || '@company-' || n || '.example', position = 1,
  timestamptz '2024-01-08 09:00+00' + position * interval '7 days', timestamptz '2024-01-08 09:00+00' + position * interval '7 days',
  CASE WHEN position = 10 AND n % 100 = 1 THEN now() - interval '1 minute' END
FROM generate_series(1, 10) AS position CROSS JOIN generate_series(1, :companies) AS n;

INSERT INTO subscriptions (id, company_id, status, monthly_amount, billing_day, created_at, updated_at)
SELECT md5('subscription ' || n)::uuid, md5('company ' || n)::uuid, 'active',
  CASE n % 100 WHEN 0 THEN 450.00 + n % 7 + 0.13 WHEN 2 THEN 9 * 45.00 ELSE 450.00 END, 1, '2024-04-01 09:00+00', '2024-04-01 09:00+00'
FROM generate_series(1, :companies) AS n;

INSERT INTO subscription_payments
  (id, subscription_id, company_id, square_payment_id, amount, status, billing_period_start, billing_period_end, location_count, created_at, updated_at)
SELECT md5('payment ' || n)::uuid, md5('subscription ' || n)::uuid, md5('company ' || n)::uuid, 'payment-' || n, 450.00, 'succeeded', month,
  month + interval '1 month - 1 second', 9, month + interval '2 hours 7 seconds', month + interval '2 hours 7 seconds'
FROM generate_series(1, :companies) AS n CROSS JOIN date_trunc('month', now() - interval '1 day', 'UTC') AS month;

VACUUM ANALYZE;
