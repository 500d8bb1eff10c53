-- A proposal whose outcome was not known is looked up by its hash before it is stored.

-- +goose Up

CREATE INDEX IF NOT EXISTS proposals_by_hash ON proposals (hash);
