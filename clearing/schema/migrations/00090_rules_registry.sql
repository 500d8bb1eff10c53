-- Changes of the registry and rule documents are proposed and approved like every act of two people
-- (clearing/people/proposal): what only kept their own proposals goes.

-- +goose Up

-- Documents, each once. A proposal names them by their hashes before they are in force.
CREATE TABLE IF NOT EXISTS document_contents (
    hash    BYTEA NOT NULL PRIMARY KEY, -- SHA-256 over the content
    content BYTEA NOT NULL -- as the city wrote it
);

-- In force is, of each kind, the newest document up to the highest edition. Rows are only ever added,
-- those of an edition in one transaction. head is SHA-256 over the head before and the digest of the
-- edition's documents.
CREATE TABLE IF NOT EXISTS editions (
    number INT8 NOT NULL PRIMARY KEY,
    head   BYTEA NOT NULL,
    zone   TEXT NOT NULL, -- in which days and moments are read, for ever; only of the founding
    CHECK ((number = 1) = (zone <> ''))
);
CREATE TABLE IF NOT EXISTS edition_documents (
    edition INT8 NOT NULL,
    kind    TEXT NOT NULL,
    hash    BYTEA NOT NULL,
    PRIMARY KEY (edition, kind)
);
INSERT INTO document_contents (hash, content) SELECT DISTINCT ON (hash) hash, content FROM rule_documents ORDER BY hash ON CONFLICT (hash) DO NOTHING;
INSERT INTO editions (number, head, zone) SELECT e.number, e.head, d.zone FROM rule_editions e JOIN rule_decisions d ON d.proposal = e.proposal ON CONFLICT (number) DO NOTHING;
INSERT INTO edition_documents (edition, kind, hash) SELECT e.number, d.kind, d.hash FROM rule_editions e JOIN rule_documents d ON d.proposal = e.proposal ON CONFLICT (edition, kind) DO NOTHING;
