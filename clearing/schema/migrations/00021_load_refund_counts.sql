-- How often orders for one online sequence of a card were refunded: the card does not
-- count on until a load is written, so its next order has the same sequence.

-- +goose Up

ALTER TABLE load_refunds ADD COLUMN refunds INT8 NOT NULL DEFAULT 1;
