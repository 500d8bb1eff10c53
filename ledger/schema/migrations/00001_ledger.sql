-- +goose Up

-- The chart's version moves with every change of an account, so that a process can tell that its copy is old.
CREATE TABLE IF NOT EXISTS chart (
    one     INT4 PRIMARY KEY CHECK (one = 1),
    version INT8 NOT NULL
);
INSERT INTO chart (one, version) VALUES (1, 0) ON CONFLICT (one) DO NOTHING;

CREATE TABLE IF NOT EXISTS accounts (
    account INT8 PRIMARY KEY,
    code    TEXT NOT NULL UNIQUE,
    kind    TEXT NOT NULL,
    owner   TEXT NOT NULL,
    flags   INT4 NOT NULL,
    shards  INT4 NOT NULL CHECK (shards > 0),
    version INT8 NOT NULL, -- the chart's, when it was changed last
    opened  INT8 NOT NULL, -- the chart's, when it was opened
    hash    BYTEA NOT NULL -- of what it was opened with
);
CREATE INDEX IF NOT EXISTS accounts_version ON accounts (version);

CREATE TABLE IF NOT EXISTS balances (
    account INT8 NOT NULL,
    shard   INT4 NOT NULL,
    debits  INT8 NOT NULL CHECK (debits >= 0),
    credits INT8 NOT NULL CHECK (credits >= 0),
    PRIMARY KEY (account, shard)
);

-- What was booked on an account in one booking day.
CREATE TABLE IF NOT EXISTS turnovers (
    account INT8 NOT NULL,
    shard   INT4 NOT NULL,
    day     INT4 NOT NULL,
    debits  INT8 NOT NULL CHECK (debits >= 0),
    credits INT8 NOT NULL CHECK (credits >= 0),
    PRIMARY KEY (account, shard, day)
);

CREATE TABLE IF NOT EXISTS streams (
    stream   TEXT PRIMARY KEY,
    number   INT8 NOT NULL,
    epoch    INT8 NOT NULL,
    owner    TEXT NOT NULL,
    claim    BYTEA NOT NULL, -- hash of the two
    next     INT8 NOT NULL CHECK (next >= 0),
    sequence INT8 NOT NULL,
    day      INT4 NOT NULL,
    head     BYTEA NOT NULL
);

-- One link of a stream's chain for each batch. stream is streams.number.
CREATE TABLE IF NOT EXISTS batches (
    stream   INT8 NOT NULL,
    sequence INT8 NOT NULL,
    from_position INT8 NOT NULL,
    next_position INT8 NOT NULL,
    day      INT4 NOT NULL,
    shard    INT4 NOT NULL,
    epoch    INT8 NOT NULL,        -- the lease under which it was posted
    at       TIMESTAMPTZ NOT NULL, -- when the database took it, for views as of a past moment
    transfers INT4 NOT NULL,
    memos    INT4 NOT NULL,
    root     BYTEA NOT NULL,
    note     BYTEA NOT NULL,
    head     BYTEA NOT NULL,
    PRIMARY KEY (stream, sequence)
);

-- Every transfer, and every memo (a row with a kind and no money). The key is the only index: see the package comment.
CREATE TABLE IF NOT EXISTS journal (
    effective_day INT4 NOT NULL,
    subject  BYTEA NOT NULL,
    id       BYTEA NOT NULL,
    debit    INT8,
    credit   INT8,
    amount   INT8 NOT NULL CHECK (amount >= 0),
    purpose  INT4 NOT NULL,
    flags    INT2 NOT NULL,
    kind     TEXT,
    reason   TEXT,
    evidence BYTEA,
    booking_day INT4 NOT NULL,
    stream   INT8 NOT NULL,
    sequence INT8 NOT NULL,
    position INT4 NOT NULL,
    hash     BYTEA NOT NULL,
    PRIMARY KEY (effective_day, subject, id)
);

CREATE TABLE IF NOT EXISTS days (
    day      INT4 PRIMARY KEY,
    state    TEXT NOT NULL CHECK (state IN ('open', 'closing', 'closed', 'sealed')),
    next_day INT4,
    root     BYTEA,
    signature BYTEA,
    signer   BYTEA
);

-- Where each stream stood when it left a day: what the day's seal is made of.
CREATE TABLE IF NOT EXISTS day_heads (
    day      INT4 NOT NULL,
    stream   TEXT NOT NULL,
    sequence INT8 NOT NULL,
    head     BYTEA NOT NULL,
    PRIMARY KEY (day, stream)
);
