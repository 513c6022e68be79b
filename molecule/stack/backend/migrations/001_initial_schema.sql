-- First schema: companies, users, locations, invoices, settings, and the first administrator.
-- As in production: soft deletes, and no constraint beyond the ones that are written here.

CREATE TABLE companies (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(255) NOT NULL,
    subdomain varchar(100) UNIQUE,
    plan varchar(50) DEFAULT 'free',
    status varchar(20) DEFAULT 'active',
    settings jsonb DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

CREATE TABLE locations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL REFERENCES companies (id),
    name varchar(255) NOT NULL,
    address text,
    phone varchar(50),
    email varchar(255),
    is_active boolean NOT NULL DEFAULT true,
    is_free boolean NOT NULL DEFAULT false,
    state_tax numeric(5, 2) DEFAULT 0,
    county_tax numeric(5, 2) DEFAULT 0,
    city_tax numeric(5, 2) DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (name, company_id)
);

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    first_name varchar(100) NOT NULL,
    last_name varchar(100) NOT NULL,
    email varchar(255) NOT NULL,
    password varchar(255) NOT NULL,
    role varchar(20) NOT NULL DEFAULT 'technician',
    active boolean NOT NULL DEFAULT true,
    company_id uuid REFERENCES companies (id),
    current_location_id uuid REFERENCES locations (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (email, company_id)
);

CREATE TABLE user_roles (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id),
    role varchar(50) NOT NULL,
    is_primary boolean NOT NULL DEFAULT false,
    company_id uuid REFERENCES companies (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, role, company_id)
);

CREATE TABLE invoices (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    invoice_number varchar(50) NOT NULL UNIQUE,
    company_id uuid NOT NULL REFERENCES companies (id),
    customer_id uuid,
    status varchar(20) NOT NULL DEFAULT 'draft',
    issue_date timestamptz,
    due_date timestamptz,
    paid_date timestamptz,
    subtotal numeric(10, 2) DEFAULT 0,
    tax_amount numeric(10, 2) DEFAULT 0,
    discount_amount numeric(10, 2) DEFAULT 0,
    total_amount numeric(10, 2) DEFAULT 0,
    payment_reference varchar(255),
    refund_amount numeric(10, 2),
    refund_reason text,
    refunded_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);

-- The first administrator is a superuser: no company. Nobody knows the password until the seed sets one.
INSERT INTO users (first_name, last_name, email, password, role, company_id)
VALUES ('System', 'Administrator', 'admin@repairmanager.com', crypt(gen_random_uuid()::text, gen_salt('bf', 6)), 'superuser', NULL);

INSERT INTO user_roles (user_id, role, is_primary)
SELECT id, 'superuser', true FROM users WHERE email = 'admin@repairmanager.com';
