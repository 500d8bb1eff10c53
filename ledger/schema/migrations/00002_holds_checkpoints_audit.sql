-- +goose Up

-- How far debits may exceed credits after all, and from where on that is worth an alarm.
ALTER TABLE accounts ADD COLUMN IF NOT EXISTS cap INT8 NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN IF NOT EXISTS alarm INT8 NOT NULL DEFAULT 0;

-- What is held and not yet moved. A hold and its end may fall on different shards, so one row may be below zero; the sum is not.
ALTER TABLE balances ADD COLUMN IF NOT EXISTS debits_held INT8 NOT NULL DEFAULT 0;
ALTER TABLE balances ADD COLUMN IF NOT EXISTS credits_held INT8 NOT NULL DEFAULT 0;

-- When a hold lapses: seconds since 1970 UTC.
ALTER TABLE journal ADD COLUMN IF NOT EXISTS expires INT8;

-- What became of each hold, as the journal tells it.
CREATE TABLE IF NOT EXISTS holds (
    day      INT4 NOT NULL,
    subject  BYTEA NOT NULL,
    id       BYTEA NOT NULL,
    debit    INT8 NOT NULL,
    credit   INT8 NOT NULL,
    amount   INT8 NOT NULL CHECK (amount > 0),
    expires  INT8 NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('held', 'posted', 'voided', 'expired')),
    posted   INT8 NOT NULL CHECK (posted >= 0 AND posted <= amount),
    PRIMARY KEY (day, subject, id)
);
CREATE INDEX IF NOT EXISTS holds_open ON holds (expires, day, subject, id) WHERE state = 'held';

-- Root over the heads of the batches a stream booked in the day; set when the day is sealed.
ALTER TABLE day_heads ADD COLUMN IF NOT EXISTS batches BYTEA;

-- Acts that must not be forgotten, such as who reopened what and why: append only, chained by hash.
CREATE TABLE IF NOT EXISTS audit (
    number   INT8 PRIMARY KEY,
    at       INT8 NOT NULL,
    act      TEXT NOT NULL,
    what     TEXT NOT NULL,
    first    TEXT NOT NULL,
    second   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    signed   TEXT NOT NULL, -- a JSON array, or nothing
    hash     BYTEA NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_at ON audit (at, number);

-- The identity of these books, by which they are told from all others. The audit's first entry covers it.
CREATE TABLE IF NOT EXISTS books (
    one INT4 PRIMARY KEY CHECK (one = 1),
    id  UUID NOT NULL
);
INSERT INTO books (one, id) VALUES (1, gen_random_uuid()) ON CONFLICT (one) DO NOTHING;

-- The last entry of the audit. Whoever writes one locks this row, so that they come one after the other.
CREATE TABLE IF NOT EXISTS audit_end (
    one    INT4 PRIMARY KEY CHECK (one = 1),
    number INT8 NOT NULL,
    hash   BYTEA NOT NULL
);
INSERT INTO audit_end (one, number, hash) VALUES (1, 0, '\x0000000000000000000000000000000000000000000000000000000000000000')
    ON CONFLICT (one) DO NOTHING;

-- Rows whose effective day lies outside the days just before their booking day.
CREATE TABLE IF NOT EXISTS late (
    booking_day   INT4 NOT NULL,
    subject       BYTEA NOT NULL,
    effective_day INT4 NOT NULL,
    PRIMARY KEY (booking_day, subject, effective_day)
);

-- What a subject's transfers left on an account (credits - debits) at the end of a booking day in which it had any.
CREATE TABLE IF NOT EXISTS checkpoints (
    account INT8 NOT NULL,
    subject BYTEA NOT NULL,
    day     INT4 NOT NULL,
    balance INT8 NOT NULL,
    PRIMARY KEY (account, subject, day)
);

-- The effective days on which a subject has rows, as far as checkpoints have come.
CREATE TABLE IF NOT EXISTS activity (
    subject       BYTEA NOT NULL,
    effective_day INT4 NOT NULL,
    PRIMARY KEY (subject, effective_day)
);

-- How far the checkpoints of a booking day have come: subjects up to reached are done.
CREATE TABLE IF NOT EXISTS checkpointing (
    day     INT4 PRIMARY KEY,
    reached BYTEA NOT NULL,
    done    BOOL NOT NULL
);
