-- Cash of a load that two people gave back to its channel leaves a drawer as it is given, in the
-- shift that gives it.

-- +goose Up

-- number is that of the order whose cash is given back. While shift is 0, its customer is still to
-- get it.
ALTER TABLE terminal_loads ADD COLUMN IF NOT EXISTS number TEXT NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS terminal_loads_back ON terminal_loads (unit, card, id) WHERE fen < 0 AND shift = 0;
