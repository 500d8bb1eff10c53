-- How PostgreSQL lays out the tables whose rows are updated all the time: with room in each page, so
-- that an update stays in its page and touches no index, and vacuumed by count, not by share.

-- +goose Up

ALTER TABLE streams SET (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE balances SET (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE turnovers SET (fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
