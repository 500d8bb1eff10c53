-- The bank's files about the bank functions of cards.

-- +goose Up

-- A file of the bank names cards by their whole numbers; cards has the last sixteen digits.
CREATE INDEX IF NOT EXISTS cards_digits ON cards ((substring(card, 5)));

-- Files that were taken, by the hash of their rows, numbered from 1, and their rows of which
-- nothing was done, with the reason. same is how many rows said what was known.
CREATE TABLE IF NOT EXISTS bank_files (
    file    BYTEA NOT NULL PRIMARY KEY,
    number  INT8 NOT NULL UNIQUE,
    lines   INT8 NOT NULL,
    done    INT8 NOT NULL,
    same    INT8 NOT NULL,
    rejects INT8 NOT NULL
);
CREATE TABLE IF NOT EXISTS bank_rejects (
    file    BYTEA NOT NULL,
    line    INT8 NOT NULL,
    content TEXT NOT NULL,
    why     TEXT NOT NULL,
    PRIMARY KEY (file, line)
);
