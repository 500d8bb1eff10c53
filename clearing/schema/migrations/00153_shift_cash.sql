-- Shifts follow each other, and their cash of loads is that of the books.

-- +goose Up

-- The cash of each load that a channel took at a terminal, in the transaction that booked it; below
-- zero: it was given back. card and id are those of its row in the journal.
CREATE TABLE IF NOT EXISTS terminal_loads (
    card     BYTEA NOT NULL,
    id       BYTEA NOT NULL,
    unit     TEXT NOT NULL, -- channel:ID
    terminal BYTEA NOT NULL,
    fen      INT8 NOT NULL,
    shift    INT8 NOT NULL, -- whose cash it is; 0: none yet; below zero: it was taken in no shift, before that one began
    PRIMARY KEY (card, id)
);
CREATE INDEX IF NOT EXISTS terminal_loads_open ON terminal_loads (unit, terminal) WHERE shift = 0;
CREATE INDEX IF NOT EXISTS terminal_loads_shift ON terminal_loads (shift, card, id) WHERE shift <> 0;

-- terminals are the counter's, in hexadecimal, with spaces between them. due is what should be
-- there: what the shift before has left, and outside; claimed what the counter says that loads
-- brought, handed what was taken away while the shift was open, later what was after its close,
-- outside the loads in no shift before it.
-- loaded_fen is what the books have of loads.
ALTER TABLE shifts ADD COLUMN IF NOT EXISTS terminals TEXT NOT NULL DEFAULT '';
ALTER TABLE shifts ADD COLUMN IF NOT EXISTS due_fen INT8 NOT NULL DEFAULT 0;
ALTER TABLE shifts ADD COLUMN IF NOT EXISTS claimed_fen INT8 NOT NULL DEFAULT 0;
ALTER TABLE shifts ADD COLUMN IF NOT EXISTS handed_fen INT8 NOT NULL DEFAULT 0;
ALTER TABLE shifts ADD COLUMN IF NOT EXISTS later_fen INT8 NOT NULL DEFAULT 0;
ALTER TABLE shifts ADD COLUMN IF NOT EXISTS outside_fen INT8 NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS shifts_of ON shifts (unit, counter, number);
