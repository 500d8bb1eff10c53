-- What the pass over a day's cards and security modules leaves and finds.

-- +goose Up

-- Rounds over a day. It is passed again when it, or a day before it, was reopened.
CREATE TABLE IF NOT EXISTS passes (
    day      INT4 NOT NULL,
    round    INT4 NOT NULL,
    reopened INT4 NOT NULL, -- how often the day was, by then
    before_day   INT4 NOT NULL, -- the round whose histories it begins with; 0 for none
    before_round INT4 NOT NULL,
    done     BOOL NOT NULL,
    rows_read INT8 NOT NULL, -- these three once it is done
    cards    INT8 NOT NULL,
    sams     INT8 NOT NULL,
    PRIMARY KEY (day, round)
);

-- Where the parts of a round end, as its first worker found. A part is a run of card
-- numbers: those after the end of the one before.
CREATE TABLE IF NOT EXISTS history_cuts (
    day    INT4 NOT NULL,
    round  INT4 NOT NULL,
    number INT4 NOT NULL, -- from 1
    last   BYTEA NOT NULL,
    PRIMARY KEY (day, round, number)
);

-- Parts that are stored.
CREATE TABLE IF NOT EXISTS history_parts (
    day    INT4 NOT NULL,
    round  INT4 NOT NULL,
    number INT4 NOT NULL,
    rows_read INT8 NOT NULL,
    cards  INT8 NOT NULL,
    uses   BYTEA NOT NULL, -- the numbers of SAMs that its taps used, packed; empty once the round is done
    histories BYTEA NOT NULL, -- hash over those of its cards
    PRIMARY KEY (day, round, number)
);

-- Histories, packed: for each card or SAM what is known of it at the end of a day. A row
-- holds those after "after" up to "last".
CREATE TABLE IF NOT EXISTS histories (
    day    INT4 NOT NULL,
    round  INT4 NOT NULL,
    kind   INT4 NOT NULL, -- 1 cards, 2 SAMs
    last   BYTEA NOT NULL,
    after  BYTEA NOT NULL,
    items  INT8 NOT NULL,
    packed BYTEA NOT NULL,
    PRIMARY KEY (day, round, kind, last)
);

CREATE TABLE IF NOT EXISTS findings (
    day     INT4 NOT NULL,
    round   INT4 NOT NULL,
    kind    INT4 NOT NULL, -- see clearing/counters
    subject BYTEA NOT NULL,
    first   INT8 NOT NULL,
    last    INT8 NOT NULL,
    fen     INT8 NOT NULL,
    PRIMARY KEY (day, round, kind, subject, first)
);

-- The registry's version by which a day's settlement files are written, however often its
-- close is begun. Noted once they can be written, and before they are.
CREATE TABLE IF NOT EXISTS closings (
    day      INT4 NOT NULL,
    reopened INT4 NOT NULL,
    registry INT8 NOT NULL,
    PRIMARY KEY (day, reopened)
);
