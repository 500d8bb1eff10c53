-- A service is a member of staff that is a program: it proposes and looks, and never approves.

-- +goose Up

ALTER TABLE staff ADD COLUMN IF NOT EXISTS service BOOL NOT NULL DEFAULT false;
