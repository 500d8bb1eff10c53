-- Acts of one person on a store have an order number of the caller, so that they can be repeated.

-- +goose Up

-- An order number is one order's of its store for ever. What it asked for is in its act.
CREATE TABLE IF NOT EXISTS stock_orders (
    store  TEXT NOT NULL,
    number TEXT NOT NULL,
    act    INT8 NOT NULL,
    PRIMARY KEY (store, number)
);

-- What lies in one store is counted without those of the others.
CREATE INDEX IF NOT EXISTS stock_of ON stock (kind, store, first);
