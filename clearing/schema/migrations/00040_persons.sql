-- Persons, and the rosters that brought them. Rows are only ever added, apart from those of an import
-- that has not ended and is undone: of that, its row here alone is left. Names and numbers are
-- encrypted (clearing/persons).

-- +goose Up

CREATE TABLE IF NOT EXISTS person_imports (
    number    INT8 NOT NULL PRIMARY KEY, -- of one import for good, also where that was undone
    file      BYTEA NOT NULL, -- SHA-256 over the roster
    charset   TEXT NOT NULL, -- in which it is read
    person    TEXT NOT NULL, -- who began it
    at        INT8 NOT NULL, -- seconds since 1970; its day is the last that may stand in the roster
    parts     INT8 NOT NULL, -- that are stored
    next_line INT8 NOT NULL,
    head      BYTEA NOT NULL, -- SHA-256 over the head before and the last part's digest
    counts    TEXT NOT NULL, -- JSON
    state     TEXT NOT NULL -- begun; done: it counts; undoing; undone. The audit has done and undone
);

-- Of a person holds the row of the newest import that is done.
CREATE TABLE IF NOT EXISTS persons (
    import      INT4 NOT NULL,
    line        INT4 NOT NULL, -- of the roster
    since       INT4 NOT NULL, -- the day from which the status holds
    certificate INT2 NOT NULL, -- 1 resident, 2 residence permit, 3 foreigner, 4 passport
    status      INT2 NOT NULL, -- 1 present, 2 moved away, 3 died
    token       BYTEA NOT NULL,
    sealed      BYTEA NOT NULL, -- version of the key, nonce, encrypted number, birth date and name
    PRIMARY KEY (token, import)
);

-- Lines that changed nothing because something is wrong with them.
CREATE TABLE IF NOT EXISTS person_rejects (
    import INT4 NOT NULL,
    line   INT4 NOT NULL,
    reason TEXT NOT NULL,
    field  TEXT NOT NULL, -- the column of the roster
    detail TEXT NOT NULL,
    sealed BYTEA NOT NULL, -- the line, encrypted
    PRIMARY KEY (import, line)
);

CREATE TABLE IF NOT EXISTS person_parts (
    import    INT4 NOT NULL,
    part      INT4 NOT NULL, -- from 1
    next_line INT8 NOT NULL, -- it ends before this one
    digest    BYTEA NOT NULL, -- SHA-256 over the hashes of its rows and rejects, in the order of lines
    marks     BYTEA NOT NULL, -- of each of these the line, counted from the part's first, and 8 bytes of its hash
    PRIMARY KEY (import, part)
);
