-- The lives of cards. Steps are only added; the row of a card is what its last step left. Each step
-- is a note of the journal, too, with its money in the same chain.

-- +goose Up

-- A card as it stands. card are the twelve bytes by which the journal knows it.
CREATE TABLE IF NOT EXISTS cards (
    card    BYTEA NOT NULL PRIMARY KEY,
    state   TEXT NOT NULL,
    lapses  INT4 NOT NULL, -- the first day on which a state that ends by rule is over; 0: it does not
    steps   INT8 NOT NULL,
    stands  TEXT NOT NULL -- JSON: all that its last step left
);
CREATE INDEX IF NOT EXISTS cards_lapses ON cards (lapses, card);

-- What was done with a card, numbered from 1. id begins with what is a hash of the order and is the
-- id of its note in the journal, under the card and the clearing day.
CREATE TABLE IF NOT EXISTS card_steps (
    card    BYTEA NOT NULL,
    number  INT8 NOT NULL,
    day     INT4 NOT NULL, -- the clearing day
    at      INT8 NOT NULL, -- seconds since 1970
    person  TEXT NOT NULL, -- who did it; empty: the program, by rule
    id      BYTEA NOT NULL,
    record  TEXT NOT NULL, -- JSON
    PRIMARY KEY (card, number)
);

-- An order number is one order's for ever. content is a hash of the order.
CREATE TABLE IF NOT EXISTS card_orders (
    unit    TEXT NOT NULL,
    number  TEXT NOT NULL,
    content BYTEA NOT NULL,
    card    BYTEA NOT NULL, -- whose step it was; empty: a shift's
    step    INT8 NOT NULL,
    PRIMARY KEY (unit, number)
);

-- Shifts at counters. An open one has the cash that acts on cards have moved in it so far.
CREATE TABLE IF NOT EXISTS shifts (
    number    INT8 NOT NULL PRIMARY KEY,
    unit      TEXT NOT NULL,
    counter   TEXT NOT NULL,
    opened    INT8 NOT NULL,
    opened_by TEXT NOT NULL,
    closed    INT8 NOT NULL, -- 0: it is open
    closed_by TEXT NOT NULL,
    start_fen   INT8 NOT NULL,
    steps_fen   INT8 NOT NULL,
    loaded_fen  INT8 NOT NULL,
    counted_fen INT8 NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS shifts_open ON shifts (unit, counter) WHERE closed = 0;

-- What the registry is to say because of a step, until it says it: a row of the hotlist, or with
-- expires the last day of the card.
CREATE TABLE IF NOT EXISTS registry_dues (
    card    BYTEA NOT NULL,
    step    INT8 NOT NULL,
    number  TEXT NOT NULL, -- all digits
    since   INT8 NOT NULL, -- YYYYMMDDhhmmss; 0: what is listed ends
    until   INT8 NOT NULL, -- 0: it has no end
    reason  TEXT NOT NULL,
    expires INT4 NOT NULL,
    change  INT8 NOT NULL, -- of the registry, that says it; 0: none yet
    PRIMARY KEY (card, step)
);
CREATE INDEX IF NOT EXISTS registry_dues_open ON registry_dues (change, card, step);
