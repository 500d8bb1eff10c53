-- Since when content is kept that nobody has proposed: seconds since 1970; 0 once it is proposed, or
-- in force. What is not proposed in time is removed; of a change, -1 says that its rows go.

-- +goose Up
ALTER TABLE registry_changes ADD COLUMN IF NOT EXISTS drafted INT8 NOT NULL DEFAULT 0;
ALTER TABLE document_contents ADD COLUMN IF NOT EXISTS drafted INT8 NOT NULL DEFAULT 0;
