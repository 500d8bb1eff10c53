-- What was copied before is not needed any more. It is a step of its own, since the copying, if it is
-- interrupted and begun again, reads these tables.

-- +goose Up
DROP TABLE IF EXISTS rule_documents, rule_proposals, rule_decisions, rule_editions;

-- The rows of a change are written in many transactions after its number. A change that has not all
-- its rows, or that has no version, is in force nowhere.
ALTER TABLE registry_changes DROP COLUMN IF EXISTS reason;
DROP TABLE IF EXISTS registry_audit;
