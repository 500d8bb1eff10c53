-- +goose Up

-- Subjects of some of the batch's rows, so that work over a day can be divided without reading the day. They follow from the rows.
ALTER TABLE batches ADD COLUMN IF NOT EXISTS samples BYTEA[];
