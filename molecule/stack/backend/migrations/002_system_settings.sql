-- Settings of the whole system; maintenance mode is one row of it, and no row means off.

CREATE TABLE system_settings (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    key varchar(100) NOT NULL UNIQUE,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by uuid REFERENCES users (id)
);

INSERT INTO system_settings (key, value) VALUES ('maintenance_mode', '{"enabled": false}');
