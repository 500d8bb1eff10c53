-- Loads of which MAC2 was given out, until the books have the card's word or a refund.

-- +goose Up

-- Written in the transaction that authorises a load, and removed in the one that books what became
-- of it. attempt is the number of orders for the card's sequence that were refunded before, as the
-- id of its row in the journal has it; booked is its clearing day.
CREATE TABLE IF NOT EXISTS authorised_loads (
    card     BYTEA NOT NULL,
    type     INT8 NOT NULL,
    sequence INT8 NOT NULL,
    attempt  INT8 NOT NULL,
    booked   INT4 NOT NULL,
    PRIMARY KEY (card, type, sequence, attempt)
);
CREATE INDEX IF NOT EXISTS authorised_loads_booked ON authorised_loads (booked, card, type, sequence, attempt);
