-- Cards that are ended are looked at in turn, since money may come late.

-- +goose Up

CREATE INDEX IF NOT EXISTS cards_state ON cards (state, card);
