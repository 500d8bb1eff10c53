-- Entries of the audit are looked up by their act: the pinned seal key, reopened days, limits.

-- +goose Up

CREATE INDEX IF NOT EXISTS audit_by_act ON audit (act, number);
