-- What units' systems prove themselves by to an API. Rows are added, and revoked once
-- (clearing/people/access).

-- +goose Up

CREATE TABLE IF NOT EXISTS credentials (
    number  INT8 NOT NULL PRIMARY KEY, -- from 1, one's for ever
    unit    TEXT NOT NULL, -- such as channel:ID
    kind    TEXT NOT NULL CHECK (kind IN ('token', 'certificate')),
    hash    BYTEA NOT NULL, -- SHA-256 of the token or of the certificate
    person  TEXT NOT NULL, -- who issued it
    issued  INT8 NOT NULL, -- seconds since 1970
    expires INT8 NOT NULL,
    revoked INT8 NOT NULL -- 0 if it was not
);
