-- Cards that counters have listed without a proof of whose they are.

-- +goose Up

-- How many cards somebody has had listed on a day of the city, of which nobody has shown the
-- certificate of the known holder. Rules bound it.
CREATE TABLE IF NOT EXISTS unproved_listings (
    day    INT4 NOT NULL,
    unit   TEXT NOT NULL, -- channel:ID
    person TEXT NOT NULL,
    cards  INT8 NOT NULL,
    PRIMARY KEY (day, unit, person)
);
