-- What those may see of closed tables who only look.

-- +goose Up

-- +goose StatementBegin
CREATE OR REPLACE VIEW credentials_listed AS
    SELECT number, unit, kind, substring(hash FROM 1 FOR 6) AS hash_begins, person, issued, expires, revoked FROM credentials;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE VIEW person_rejects_listed AS
    SELECT import, line, reason, field, detail FROM person_rejects;
-- +goose StatementEnd
