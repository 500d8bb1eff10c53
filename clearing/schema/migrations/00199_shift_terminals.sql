-- At which terminals a shift is open: a load there is its cash as it is booked.

-- +goose Up

CREATE TABLE IF NOT EXISTS shift_terminals (
    terminal BYTEA NOT NULL PRIMARY KEY,
    unit     TEXT NOT NULL, -- channel:ID
    shift    INT8 NOT NULL  -- the open one
);
INSERT INTO shift_terminals (terminal, unit, shift)
    SELECT decode(t, 'hex'), unit, number FROM shifts, unnest(string_to_array(terminals, ' ')) AS t WHERE closed = 0 ON CONFLICT DO NOTHING;
UPDATE terminal_loads AS l SET shift = o.shift FROM shift_terminals AS o WHERE o.terminal = l.terminal AND o.unit = l.unit AND l.shift = 0;

-- No load is booked at a counter without a shift any more.
ALTER TABLE shifts DROP COLUMN IF EXISTS outside_fen;
