-- What one person proposes, and another approves (clearing/people/proposal). Rows are added, and
-- decided once; nothing is removed. The audit has every proposal and every decision.

-- +goose Up

CREATE TABLE IF NOT EXISTS proposals (
    number     INT8 NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL,
    unit       TEXT NOT NULL, -- whose money or rows it acts on
    body       TEXT NOT NULL, -- the request, in canonical JSON
    change     TEXT NOT NULL, -- what it does, as it was shown, in canonical JSON
    hash       BYTEA NOT NULL, -- SHA-256 over kind, body and change
    proposer   TEXT NOT NULL,
    signed     TEXT NOT NULL, -- the proposer's signature, in JSON
    reason     TEXT NOT NULL,
    at         INT8 NOT NULL, -- seconds since 1970, as the proposer signed it
    expires    INT8 NOT NULL, -- seconds since 1970
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'rejected', 'withdrawn')),
    decider    TEXT NOT NULL, -- empty while it waits, as the next two
    decided    TEXT NOT NULL, -- the decider's signature, in JSON
    decided_at INT8 NOT NULL, -- 0 while it waits
    note       TEXT NOT NULL, -- why it was rejected or withdrawn; "booked before" of an act that was
    CHECK ((state = 'waiting') = (decider = '') AND (state = 'waiting') = (decided = '') AND (state = 'waiting') = (decided_at = 0))
);

-- +goose StatementBegin
CREATE INDEX IF NOT EXISTS proposals_by_state ON proposals (state, kind, number);
-- +goose StatementEnd
