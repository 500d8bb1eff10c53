-- Which tap emptied a purse: its terminal and time, which its card has signed. That of an act that was
-- given up is none of a later act's.

-- +goose Up

ALTER TABLE emptied_purses ADD COLUMN IF NOT EXISTS tap TEXT NOT NULL DEFAULT '';
