-- +goose Up
ALTER TABLE followers ADD COLUMN since timestamptz NOT NULL DEFAULT now();
DO $$ BEGIN EXECUTE 'SELECT 1'; END $$;

-- +goose Down
ALTER TABLE followers DROP COLUMN since;
