-- Deputies: who stands in for a supervisor of the same unit, from when until when. All of it follows
-- from the audit, as the people do (clearing/people). Rows are only ever added, or ended.

-- +goose Up

CREATE TABLE IF NOT EXISTS staff_deputies (
    number     INT8 NOT NULL PRIMARY KEY, -- from 1
    deputy     TEXT NOT NULL, -- a person's id
    stands_for TEXT NOT NULL, -- another person's
    since      INT8 NOT NULL, -- seconds since 1970
    until      INT8 NOT NULL, -- the first second after it
    ended      INT8 NOT NULL -- when an act ended it; 0: none did
);
CREATE INDEX IF NOT EXISTS staff_deputies_deputy ON staff_deputies (deputy);
