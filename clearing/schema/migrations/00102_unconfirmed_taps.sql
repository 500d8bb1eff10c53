-- Taps without a TAC, which are kept beside the books. The records themselves are memos of the
-- journal; whether the tap has come is read from the journal, too.

-- +goose Up

-- One row for each, written in the transaction of the batch that keeps it. Card, day and id are those
-- of the tap itself. decided is empty, or what two people have decided.
CREATE TABLE IF NOT EXISTS unconfirmed_taps (
    card    BYTEA NOT NULL,
    day     INT4 NOT NULL,
    id      BYTEA NOT NULL,
    booked  INT4 NOT NULL, -- the clearing day on which it was kept
    decided TEXT NOT NULL CHECK (decided IN ('', 'lost', 'not_debited')),
    PRIMARY KEY (card, day, id)
);
CREATE INDEX IF NOT EXISTS unconfirmed_taps_booked ON unconfirmed_taps (booked, card, day, id);

-- Codes for which money was moved out of the float, numbered from 1 without a gap. A batch of taps
-- asks for the number after the last one that it knows. Number 0 is no code: with it the table is
-- never empty, and asking locks as little as it can.
CREATE TABLE IF NOT EXISTS lost_codes (
    number INT8 NOT NULL PRIMARY KEY,
    card   BYTEA NOT NULL,
    day    INT4 NOT NULL,
    id     BYTEA NOT NULL,
    fen    INT8 NOT NULL
);
INSERT INTO lost_codes (number, card, day, id, fen) VALUES (0, '', 0, '', 0) ON CONFLICT (number) DO NOTHING;
