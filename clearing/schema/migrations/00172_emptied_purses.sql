-- What taps took from the purses of cards that were returned, by the counters' word.

-- +goose Up

-- A row for each step of a return whose card paid its balance first. booked is the day on which its
-- tap was found in the books.
CREATE TABLE IF NOT EXISTS emptied_purses (
    card   BYTEA NOT NULL,
    step   INT8 NOT NULL,
    unit   TEXT NOT NULL, -- channel:ID
    shift  INT8 NOT NULL,
    fen    INT8 NOT NULL,
    booked INT4 NOT NULL, -- YYYYMMDD; 0: it has not come
    PRIMARY KEY (card, step)
);
CREATE INDEX IF NOT EXISTS emptied_purses_open ON emptied_purses (card, step, shift, fen) WHERE booked = 0;
CREATE INDEX IF NOT EXISTS emptied_purses_shift ON emptied_purses (shift) WHERE booked = 0;
