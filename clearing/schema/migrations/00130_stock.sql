-- Stock: blank cards and SAMs, by the numbers that their suppliers gave them. All of it follows
-- from the acts, each of which is a note of the journal.

-- +goose Up

-- Pieces with successive numbers that are alike. No number of a kind is in two rows, and rows that
-- touch and are alike are one row.
CREATE TABLE IF NOT EXISTS stock (
    kind    TEXT NOT NULL, -- card, sam
    first   INT8 NOT NULL,
    last    INT8 NOT NULL,
    product TEXT NOT NULL, -- as which a card is to be sold; empty: a SAM
    store   TEXT NOT NULL, -- the unit where they lie, or from where they were issued
    state   TEXT NOT NULL CHECK (state IN ('in_stock', 'spoilt', 'issued')),
    PRIMARY KEY (kind, first)
);

-- What was done with pieces, numbered from 1. id is that of the act's note in the journal.
CREATE TABLE IF NOT EXISTS stock_acts (
    number INT8 NOT NULL PRIMARY KEY,
    day    INT4 NOT NULL, -- the clearing day
    at     INT8 NOT NULL, -- seconds since 1970
    person TEXT NOT NULL, -- who did it, or proposed it
    second TEXT NOT NULL, -- who approved it; empty: it takes one person
    id     BYTEA NOT NULL,
    record TEXT NOT NULL -- JSON
);

-- The card that each issued piece became. change is the one of the registry that says the card; 0:
-- none yet; -1: none, since the registry said it before, or it is a social-security card, which the
-- registry does not have; -2: the registry refused it.
CREATE TABLE IF NOT EXISTS issued_cards (
    blank  INT8 NOT NULL PRIMARY KEY,
    number TEXT NOT NULL UNIQUE, -- the card's: 20 digits, or 9 characters of a social-security card
    card   BYTEA NOT NULL, -- as the journal knows it; empty: a social-security card
    act    INT8 NOT NULL,
    made   TEXT NOT NULL, -- JSON: what the registry is to say
    change INT8 NOT NULL
);
CREATE INDEX IF NOT EXISTS issued_cards_open ON issued_cards (change, blank);

-- Some proposals are approved by people of another unit than the one whose rows they are about.
ALTER TABLE proposals ADD COLUMN IF NOT EXISTS approves TEXT NOT NULL DEFAULT ''; -- empty: unit
