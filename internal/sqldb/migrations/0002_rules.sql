-- What rules need: grants on single objects, versions of the policy, and the
-- log of decisions.

-- A row for each permission, because each expires by itself. A check knows the
-- object and who asks, and so reads the key; a filter and a list of what
-- somebody has been given read the second index, which holds all they need. The
-- third is not WHERE expires_at > 0: to see whether it helps, SQLite would look at
-- the value that expires_at is compared with, and so compile a statement anew
-- each time it runs.
CREATE TABLE sallyport_grants (
  resource_type TEXT NOT NULL,
  resource_id   TEXT NOT NULL,
  subject_type  TEXT NOT NULL,
  subject_id    TEXT NOT NULL,
  permission    TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  expires_at    BIGINT NOT NULL,
  PRIMARY KEY (resource_type, resource_id, subject_type, subject_id, permission)
)
-- sqlite: WITHOUT ROWID
;
CREATE INDEX sallyport_grants_subject ON sallyport_grants (subject_type, subject_id, resource_type, resource_id, permission);
CREATE INDEX sallyport_grants_expires ON sallyport_grants (expires_at) WHERE expires_at <> 0;

-- The highest number is in force. Files are JSON that the database never looks into.
CREATE TABLE sallyport_policies (
  number         BIGINT NOT NULL PRIMARY KEY,
  schema_text    TEXT NOT NULL,
  files          TEXT NOT NULL,
  remark         TEXT NOT NULL,
  created_by     TEXT NOT NULL,
  created_at     BIGINT NOT NULL,
  rolled_back_to BIGINT NOT NULL
);

-- Keyset by time and id. What an entry is found by has a column, and the whole
-- entry is JSON.
CREATE TABLE sallyport_decisions (
  id      TEXT NOT NULL PRIMARY KEY,
  at      BIGINT NOT NULL,
  allow   BIGINT NOT NULL,
  subject TEXT NOT NULL,
  action  TEXT NOT NULL,
  entry   TEXT NOT NULL
);
CREATE INDEX sallyport_decisions_at ON sallyport_decisions (at, id);
CREATE INDEX sallyport_decisions_allow ON sallyport_decisions (allow, at, id);
CREATE INDEX sallyport_decisions_subject ON sallyport_decisions (subject, at, id);
CREATE INDEX sallyport_decisions_action ON sallyport_decisions (action, at, id);
