-- Paid loads that wait until their card is presented at a counter.

-- +goose Up

-- One row for each, written in the transaction that places it. The order number is its placer's:
-- "channel:ID", or "card:DIGITS" of the card whose balance it is; subject and id are those of the
-- row of the journal that placed it. state follows from the journal, and is changed in the
-- transaction that books what it says: waiting, authorised (as the load of the card's type and
-- sequence, whose id in the journal is load), written (the card has confirmed it) or withdrawn.
CREATE TABLE IF NOT EXISTS waiting_loads (
    placer   TEXT NOT NULL,
    number   TEXT NOT NULL,
    subject  BYTEA NOT NULL,
    id       BYTEA NOT NULL,
    card     BYTEA NOT NULL,
    fen      INT8 NOT NULL,
    source   TEXT NOT NULL, -- the account that paid
    booked   INT4 NOT NULL, -- the clearing day on which it was placed
    state    TEXT NOT NULL CHECK (state IN ('waiting', 'authorised', 'written', 'withdrawn')),
    type     INT8 NOT NULL,
    sequence INT8 NOT NULL,
    load     BYTEA NOT NULL, -- empty until it is authorised
    PRIMARY KEY (placer, number)
);
CREATE INDEX IF NOT EXISTS waiting_loads_card ON waiting_loads (card, booked, placer, number);
CREATE INDEX IF NOT EXISTS waiting_loads_booked ON waiting_loads (booked, placer, number) WHERE state IN ('waiting', 'authorised');
