-- The least that mends the amounts, as one would write it by hand: no lock, no guard, no record, no undo, no look at payments.
UPDATE subscriptions s SET monthly_amount = d.due, updated_at = now() FROM companies c LEFT JOIN (
  SELECT company_id, count(*) FILTER (WHERE NOT is_free) AS unflagged, min(created_at) FILTER (WHERE is_free) AS first_flagged,
    min(created_at) FILTER (WHERE NOT is_free) AS first_unflagged
  FROM locations WHERE deleted_at IS NULL GROUP BY company_id
) l ON l.company_id = c.id CROSS JOIN LATERAL (
  SELECT 50.00 * (coalesce(unflagged, 0) - (unflagged > 0 AND (first_flagged IS NULL OR first_unflagged < first_flagged))::int) AS due
) d
WHERE s.company_id = c.id AND c.deleted_at IS NULL AND s.deleted_at IS NULL AND s.status IN ('active', 'pending', 'past_due')
AND s.monthly_amount <> d.due;
