-- The registry: who and what clearing knows. Rows are only ever added.
--
-- A change is written in this order, and a process may die between any two steps:
--   1. registry_audit, step 1: somebody imports, and has the number;
--   2. registry_rows: what the change brings, in many transactions;
--   3. registry_changes: the change is complete and proposed;
--   4. registry_audit, step 2, and with an approval registry_versions, in one transaction.
-- Rows whose change has no version are in force nowhere.

-- +goose Up

-- Who did what to a change, and when.
CREATE TABLE IF NOT EXISTS registry_audit (
    change INT8 NOT NULL,
    step   INT8 NOT NULL CHECK (step IN (1, 2)), -- 1 the import, 2 the decision
    act    TEXT NOT NULL CHECK (act IN ('import', 'found', 'approve', 'reject')),
    person TEXT NOT NULL,
    at     INT8 NOT NULL, -- seconds since 1970
    PRIMARY KEY (change, step)
);

CREATE TABLE IF NOT EXISTS registry_changes (
    number INT8 NOT NULL PRIMARY KEY,
    base   INT8 NOT NULL, -- the version that it was checked against
    rows   INT8 NOT NULL,
    digest BYTEA NOT NULL, -- SHA-256 over its rows in order of key
    reason TEXT NOT NULL
);

-- record is the row as in its file: one line of CSV, with every column.
CREATE TABLE IF NOT EXISTS registry_rows (
    change         INT8 NOT NULL,
    kind           INT8 NOT NULL, -- 1 operators, 2 issuers, 3 card_types, 4 lines, 5 vehicles, 6 terminals, 7 sams, 8 cards, 9 channels, 10 hospitals, 11 persons, 12 purses, 13 hotlist
    key            BYTEA NOT NULL,
    effective_from INT8 NOT NULL, -- YYYYMMDD, of the hotlist YYYYMMDDhhmmss
    record         TEXT NOT NULL,
    PRIMARY KEY (change, kind, key, effective_from)
);

-- What is in force: all changes up to the highest version. head is
-- SHA-256 over the head before and the change's digest.
CREATE TABLE IF NOT EXISTS registry_versions (
    number INT8 NOT NULL PRIMARY KEY,
    change INT8 NOT NULL UNIQUE,
    head   BYTEA NOT NULL
);
