-- What two people let a counter do with a card.

-- +goose Up

-- An order of a counter that two people have let be done. content is the SHA-256 of what the order
-- asks for, which its counter then asks for once more, and of most.
CREATE TABLE IF NOT EXISTS card_consents (
    unit    TEXT NOT NULL, -- channel:ID
    number  TEXT NOT NULL,
    content BYTEA NOT NULL,
    most    INT8 NOT NULL, -- fen that may be given back or go over to another card
    PRIMARY KEY (unit, number)
);
