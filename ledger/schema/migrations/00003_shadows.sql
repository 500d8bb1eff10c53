-- +goose Up

-- The latest checkpoint of each subject on each account, so that to read all of them does not read their past.
CREATE TABLE IF NOT EXISTS shadows (
    account INT8 NOT NULL,
    subject BYTEA NOT NULL,
    day     INT4 NOT NULL,
    balance INT8 NOT NULL,
    PRIMARY KEY (account, subject)
);
INSERT INTO shadows (account, subject, day, balance)
    SELECT DISTINCT ON (account, subject) account, subject, day, balance FROM checkpoints ORDER BY account, subject, day DESC
    ON CONFLICT (account, subject) DO NOTHING;

-- From when to when the batches of a day were taken.
CREATE INDEX IF NOT EXISTS batches_day_at ON batches (day, at);
