-- The people who act: all of it follows from the audit, where each row's making and change is an
-- entry (clearing/people). Rows are only ever added, or ended.

-- +goose Up

CREATE TABLE IF NOT EXISTS staff (
    id       TEXT NOT NULL PRIMARY KEY, -- never another person's
    form     TEXT NOT NULL UNIQUE, -- the same for all ids that look alike
    name     TEXT NOT NULL,
    unit     TEXT NOT NULL, -- issuer, city, pension, or operator:, hospital: or channel: and an id
    role     TEXT NOT NULL, -- clerk, supervisor, auditor, keeper
    revision INT8 NOT NULL, -- 1 with the enrolment, one more with each change
    since    INT8 NOT NULL, -- seconds since 1970
    ended    INT8 NOT NULL, -- when disabled, which is for good; 0 before
    demo     BOOL NOT NULL -- enrolled by a demonstration
);

-- A key is one person's for ever; of a person at most one is in force.
CREATE TABLE IF NOT EXISTS staff_keys (
    fingerprint TEXT NOT NULL PRIMARY KEY, -- SHA256: and the digest, as ssh-keygen prints it
    person      TEXT NOT NULL,
    revision    INT8 NOT NULL, -- of the person, with which it came
    public      TEXT NOT NULL, -- algorithm and key, as an authorized_keys file has them
    since       INT8 NOT NULL,
    ended       INT8 NOT NULL -- 0: it is in force
);
CREATE INDEX IF NOT EXISTS staff_keys_person ON staff_keys (person);

-- The one-time tokens of foundings; only those of the last founding count.
CREATE TABLE IF NOT EXISTS staff_tokens (
    hash     BYTEA NOT NULL PRIMARY KEY, -- SHA-256 over the token's 32 bytes
    founding INT8 NOT NULL, -- from 1
    expires  INT8 NOT NULL, -- seconds since 1970
    demo     BOOL NOT NULL,
    person   TEXT NOT NULL -- whom it enrolled; empty before
);

-- What was signed, so that nothing counts twice.
CREATE TABLE IF NOT EXISTS used_statements (
    hash BYTEA NOT NULL PRIMARY KEY -- SHA-256 over the statement's text
);
