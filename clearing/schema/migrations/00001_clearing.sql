-- What clearing keeps beside the ledger, written in the ledger's transactions.

-- +goose Up

-- Input topics as first seen: another id or partition count means other data.
CREATE TABLE IF NOT EXISTS topics (
    topic      TEXT NOT NULL PRIMARY KEY,
    id         BYTEA NOT NULL,
    partitions INT8 NOT NULL CHECK (partitions > 0)
);

-- What a person has used up of deductible and fund, per calendar year and kind
-- of treatment.
CREATE TABLE IF NOT EXISTS medical_years (
    person         BYTEA NOT NULL,
    year           INT8 NOT NULL,
    kind           TEXT NOT NULL,
    settlements    INT8 NOT NULL,
    deductible_fen INT8 NOT NULL,
    fund_fen       INT8 NOT NULL,
    PRIMARY KEY (person, year, kind)
);

-- Every answered claim, under the hospital's settlement number as it is compared: a repeat gets
-- the same answer and moves no money.
CREATE TABLE IF NOT EXISTS medical_settlements (
    hospital   TEXT NOT NULL,
    settlement TEXT NOT NULL,
    person     BYTEA NOT NULL,
    claim      BYTEA NOT NULL,
    result     BYTEA NOT NULL,
    stream     TEXT NOT NULL, -- these three: the batch that answered it, and its number there
    sequence   INT8 NOT NULL,
    position   INT4 NOT NULL,
    day        INT4 NOT NULL, -- in which it is booked
    PRIMARY KEY (hospital, settlement)
);

-- Lists of pensions and the bank's answers to them, whole and as they came; the journal has their
-- lines. A message is kept with each batch in which a line of it was not a duplicate.
CREATE TABLE IF NOT EXISTS pension_originals (
    hash     BYTEA NOT NULL, -- SHA-256 of the value
    stream   TEXT NOT NULL,  -- these three: the batch that judged it, and its number there
    sequence INT8 NOT NULL,
    position INT4 NOT NULL,
    topic    TEXT NOT NULL,
    value    BYTEA NOT NULL,
    PRIMARY KEY (hash, stream, sequence)
);

-- Messages that became true with a commit and still have to reach Kafka.
CREATE TABLE IF NOT EXISTS outbound (
    stream   TEXT NOT NULL,
    sequence INT8 NOT NULL,
    position INT8 NOT NULL,
    topic    TEXT NOT NULL,
    key      BYTEA NOT NULL,
    value    BYTEA NOT NULL,
    refused  TEXT, -- why the broker does not take it
    PRIMARY KEY (stream, sequence, position)
);

-- How far the pump has been acknowledged in each stream.
CREATE TABLE IF NOT EXISTS pumps (
    stream   TEXT NOT NULL PRIMARY KEY,
    sequence INT8 NOT NULL,
    position INT8 NOT NULL,
    sent     INT8 NOT NULL -- rows of outbound that were acknowledged and dropped, all in all
);
