-- Invoices of paid loads: asked for here, made by the city's invoicing system.

-- +goose Up

-- One row for each order of a channel of which an invoice was asked for, as its last note in the
-- journal says: asked, issued (invoice is its number), red_asked, red_lettered (red is the number
-- of the red letter), or none again after the invoicing system has refused it.
CREATE TABLE IF NOT EXISTS load_invoices (
    channel TEXT NOT NULL,
    number  TEXT NOT NULL, -- of the order
    name    BYTEA NOT NULL, -- what the ids of its notes begin with
    state   TEXT NOT NULL CHECK (state IN ('none', 'asked', 'issued', 'red_asked', 'red_lettered')),
    fen     INT8 NOT NULL,
    steps   INT8 NOT NULL, -- notes in the journal
    invoice TEXT NOT NULL,
    red     TEXT NOT NULL,
    day     INT4 NOT NULL, -- the clearing day of the last note
    PRIMARY KEY (channel, number)
);
CREATE INDEX IF NOT EXISTS load_invoices_open ON load_invoices (state, channel, number) WHERE state IN ('asked', 'red_asked');

-- Files of answers that were taken, by the hash of their rows, and their rows of which nothing was
-- done, with the reason.
CREATE TABLE IF NOT EXISTS load_invoice_files (
    file    BYTEA NOT NULL PRIMARY KEY,
    lines   INT8 NOT NULL,
    done    INT8 NOT NULL,
    rejects INT8 NOT NULL
);
CREATE TABLE IF NOT EXISTS load_invoice_rejects (
    file    BYTEA NOT NULL,
    line    INT8 NOT NULL,
    content TEXT NOT NULL,
    why     TEXT NOT NULL,
    PRIMARY KEY (file, line)
);
