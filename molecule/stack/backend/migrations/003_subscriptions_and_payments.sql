-- Subscriptions and what was charged for them. As in production there are no check constraints, and nothing keeps
-- two payments of one subscription and period apart.

CREATE TABLE subscriptions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL UNIQUE REFERENCES companies (id),
    square_subscription_id varchar(255),
    status varchar(50) NOT NULL DEFAULT 'pending',
    monthly_amount numeric(10, 2) NOT NULL DEFAULT 0,
    billing_day integer NOT NULL DEFAULT 1,
    autopay_enabled boolean NOT NULL DEFAULT false,
    square_customer_id varchar(255),
    square_card_id varchar(255),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE subscription_payments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subscription_id uuid NOT NULL REFERENCES subscriptions (id),
    company_id uuid NOT NULL REFERENCES companies (id),
    square_payment_id varchar(255),
    amount numeric(10, 2) NOT NULL,
    status varchar(50) NOT NULL DEFAULT 'pending',
    billing_period_start timestamptz NOT NULL,
    billing_period_end timestamptz NOT NULL,
    location_count integer NOT NULL,
    failure_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX subscription_payments_subscription ON subscription_payments (subscription_id, billing_period_start);
