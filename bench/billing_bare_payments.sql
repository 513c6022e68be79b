-- What any correct answer needs, payments included: the due amount of every company beside the stored one, with the first location free, and
-- beside what is to be paid; and whether the newest month has a payment. Whether one between is missing or paid twice is left out.
SELECT c.id, s.monthly_amount, d.due, p.payments, p.first, p.newest FROM companies c JOIN subscriptions s ON s.company_id = c.id LEFT JOIN (
  SELECT company_id, count(*) FILTER (WHERE NOT is_free) AS unflagged, min(created_at) FILTER (WHERE is_free) AS first_flagged,
    min(created_at) FILTER (WHERE NOT is_free) AS first_unflagged
  FROM locations WHERE deleted_at IS NULL GROUP BY company_id
) l ON l.company_id = c.id LEFT JOIN (
  SELECT subscription_id, count(*) AS payments, min(billing_period_start) AS first, max(billing_period_start) AS newest,
    min(amount) FILTER (WHERE status IN ('pending', 'succeeded')) AS least, max(amount) FILTER (WHERE status IN ('pending', 'succeeded')) AS most
  FROM subscription_payments GROUP BY subscription_id
) p ON p.subscription_id = s.id CROSS JOIN LATERAL (
  SELECT 50.00 * (coalesce(unflagged, 0) - (unflagged > 0 AND (first_flagged IS NULL OR first_unflagged < first_flagged))::int) AS due
) d
WHERE c.deleted_at IS NULL AND s.deleted_at IS NULL AND s.status IN ('active', 'pending', 'past_due') AND (s.monthly_amount <> d.due
  OR p.least <> d.due OR p.most <> d.due OR p.newest IS DISTINCT FROM date_trunc('month', now() - interval '1 day', 'UTC'));
