-- Rule documents: what a city prices, pays and settles by. Rows are only ever added. A proposal, a
-- decision and an edition are each written in one transaction.

-- +goose Up

CREATE TABLE IF NOT EXISTS rule_proposals (
    number INT8 NOT NULL PRIMARY KEY,
    base   INT8 NOT NULL, -- the edition that it was checked against
    digest BYTEA NOT NULL, -- SHA-256 over its documents' kinds and hashes
    person TEXT NOT NULL,
    reason TEXT NOT NULL,
    at     INT8 NOT NULL, -- seconds since 1970
    fare_change TEXT NOT NULL -- how much it changes prices, in JSON; empty where it changes none
);

CREATE TABLE IF NOT EXISTS rule_documents (
    proposal INT8 NOT NULL,
    kind     TEXT NOT NULL,
    content  BYTEA NOT NULL, -- as the city wrote it
    hash     BYTEA NOT NULL, -- SHA-256 over the content
    PRIMARY KEY (proposal, kind)
);

CREATE TABLE IF NOT EXISTS rule_decisions (
    proposal INT8 NOT NULL PRIMARY KEY,
    act      TEXT NOT NULL CHECK (act IN ('found', 'approve', 'reject')),
    person   TEXT NOT NULL,
    at       INT8 NOT NULL,
    zone     TEXT NOT NULL, -- in which days and moments are read, for ever; only of the founding
    CHECK ((act = 'found') = (zone <> ''))
);

-- In force is, of each kind, the newest document up to the highest edition. head is SHA-256 over the
-- head before and the proposal's digest.
CREATE TABLE IF NOT EXISTS rule_editions (
    number   INT8 NOT NULL PRIMARY KEY,
    proposal INT8 NOT NULL UNIQUE,
    head     BYTEA NOT NULL
);
