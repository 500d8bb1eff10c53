-- Loads that were given back to their channel, by card, type and the card's online
-- sequence. The refund itself is in the journal; here a batch of written loads asks,
-- inside its transaction, whether one of them was refunded meanwhile. Written in the
-- refund's transaction.

-- +goose Up

CREATE TABLE load_refunds (
    card     BYTEA NOT NULL,
    type     INT8 NOT NULL,
    sequence INT8 NOT NULL,
    PRIMARY KEY (card, type, sequence)
);
