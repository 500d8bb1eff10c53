-- Loads that wait and go over to another card, or are held for a person.

-- +goose Up

-- moves says how often the load went over to another card: each is a note of the journal, and card
-- is the last one. refunded is the load of its card as which it was authorised and given back last
-- (its id in the journal; empty: it never was, or not of this card). held: a card asked for it
-- although it may have been loaded with it before, so a person decides; it is a note, too.
ALTER TABLE waiting_loads ADD COLUMN IF NOT EXISTS moves INT8 NOT NULL DEFAULT 0;
ALTER TABLE waiting_loads ADD COLUMN IF NOT EXISTS refunded BYTEA NOT NULL DEFAULT '';
ALTER TABLE waiting_loads ADD COLUMN IF NOT EXISTS held BOOL NOT NULL DEFAULT false;
