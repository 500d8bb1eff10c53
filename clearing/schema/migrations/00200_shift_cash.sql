-- What shifts book of their cash: what is over or short, and what is handed over.

-- +goose Up

-- day is the one on which the person signed; second is empty where one person did it alone. fen is
-- over, below zero short, or what is handed over to a place. The numbers of entries have no gaps.
CREATE TABLE IF NOT EXISTS shift_cash (
    entry  INT8 NOT NULL PRIMARY KEY,
    unit   TEXT NOT NULL, -- channel:ID
    number TEXT NOT NULL, -- of the order
    shift  INT8 NOT NULL,
    what   TEXT NOT NULL, -- open, close or hand_over
    at     INT8 NOT NULL,
    day    INT8 NOT NULL,
    person TEXT NOT NULL,
    second TEXT NOT NULL,
    place  TEXT NOT NULL, -- safe or bank, of what is handed over
    fen    INT8 NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS shift_cash_orders ON shift_cash (unit, number);
CREATE INDEX IF NOT EXISTS shift_cash_persons ON shift_cash (person, day) WHERE what <> 'hand_over';
CREATE INDEX IF NOT EXISTS shift_cash_handed ON shift_cash (unit, entry) WHERE what = 'hand_over';
