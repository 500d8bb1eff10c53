-- The terminals of counters are read whole, among the rows of all cards.

-- +goose Up

CREATE INDEX IF NOT EXISTS registry_rows_counters ON registry_rows (change, key, effective_from) WHERE kind = 16;
