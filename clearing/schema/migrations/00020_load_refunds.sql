-- What became of paid loads, by card, type and the card's online sequence. Refunds and
-- written loads themselves are in the journal, a written one under whichever day its card
-- signed; here each side asks, inside its transaction, what the other has done.

-- +goose Up

-- Loads that were given back to their channel, written in the refund's transaction: how
-- often orders for the sequence were. The card does not count on until a load is written,
-- so its next order has the same sequence.
CREATE TABLE IF NOT EXISTS load_refunds (
    card     BYTEA NOT NULL,
    type     INT8 NOT NULL,
    sequence INT8 NOT NULL,
    refunds  INT8 NOT NULL,
    PRIMARY KEY (card, type, sequence)
);

-- Loads that their cards have confirmed, whatever was ruled about them, written in the
-- batch's transaction: the signed day of the card's first word, which is the row's
-- effective day in the journal.
CREATE TABLE IF NOT EXISTS written_loads (
    card     BYTEA NOT NULL,
    type     INT8 NOT NULL,
    sequence INT8 NOT NULL,
    day      INT4 NOT NULL,
    PRIMARY KEY (card, type, sequence)
);
