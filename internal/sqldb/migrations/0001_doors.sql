-- The portable dialect of both databases: text is compared byte by byte, times
-- are BIGINT milliseconds and 0 is none, booleans are 0 or 1, lists and maps are
-- JSON that the database never looks into. Lines that begin with "-- postgres:"
-- run on PostgreSQL only; fillfactor leaves room on the page for the next
-- version of a row, so that changing it touches no index.

CREATE TABLE schema_version (
  version    BIGINT NOT NULL PRIMARY KEY,
  name       TEXT NOT NULL,
  applied_at BIGINT NOT NULL
);

-- One row. Whoever appends to the log holds it until commit: that makes the
-- order of seq the order of commits.
CREATE TABLE log_head (
  one    BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  log_id TEXT NOT NULL,
  seq    BIGINT NOT NULL,
  floor  BIGINT NOT NULL
);
-- postgres: ALTER TABLE log_head SET (fillfactor = 10);

CREATE TABLE revocation (
  seq        BIGINT NOT NULL PRIMARY KEY,
  effect     TEXT NOT NULL,
  kind       TEXT NOT NULL,
  id         TEXT NOT NULL,
  org_id     TEXT NOT NULL,
  nonce      TEXT NOT NULL,
  overlay    TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX revocation_expires ON revocation (expires_at);

CREATE TABLE secrets (
  name  TEXT NOT NULL PRIMARY KEY,
  value BYTEA NOT NULL
);

CREATE TABLE users (
  id             TEXT NOT NULL PRIMARY KEY,
  username       TEXT NOT NULL,
  username_norm  TEXT NOT NULL,
  email          TEXT NOT NULL,
  email_norm     TEXT NOT NULL,
  email_verified BIGINT NOT NULL,
  status         TEXT NOT NULL,
  killed_seq     BIGINT NOT NULL,
  created_at     BIGINT NOT NULL,
  updated_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_username ON users (username_norm) WHERE username_norm <> '';
-- An address that was not proved neither blocks its owner nor reveals them.
CREATE UNIQUE INDEX users_verified ON users (email_norm) WHERE email_verified = 1 AND email_norm <> '';
CREATE INDEX users_email ON users (email_norm) WHERE email_norm <> '';
CREATE INDEX users_status ON users (status, id);
-- postgres: ALTER TABLE users SET (fillfactor = 90);

CREATE TABLE credentials (
  user_id    TEXT NOT NULL,
  kind       TEXT NOT NULL,
  secret     TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, kind)
);

CREATE TABLE sessions (
  id              TEXT NOT NULL PRIMARY KEY,
  token_hash      BYTEA NOT NULL,
  user_id         TEXT NOT NULL,
  org_id          TEXT NOT NULL,
  aal             BIGINT NOT NULL,
  amr             TEXT NOT NULL,
  auth_time       BIGINT NOT NULL,
  log_id          TEXT NOT NULL,
  log_seq         BIGINT NOT NULL,
  created_at      BIGINT NOT NULL,
  last_seen_at    BIGINT NOT NULL,
  idle_expires_at BIGINT NOT NULL,
  expires_at      BIGINT NOT NULL,
  address         TEXT NOT NULL,
  user_agent      TEXT NOT NULL
);
CREATE UNIQUE INDEX sessions_token ON sessions (token_hash);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires_at);
-- postgres: ALTER TABLE sessions SET (fillfactor = 80);

CREATE TABLE refresh_families (
  id            TEXT NOT NULL PRIMARY KEY,
  session_id    TEXT NOT NULL,
  grant_id      TEXT NOT NULL,
  user_id       TEXT NOT NULL,
  client_id     TEXT NOT NULL,
  proof         TEXT NOT NULL,
  scope         TEXT NOT NULL,
  key_version   BIGINT NOT NULL,
  counter       BIGINT NOT NULL,
  parent        BIGINT NOT NULL,
  ahead         BIGINT NOT NULL,
  log_id        TEXT NOT NULL,
  log_seq       BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  rotated_at    BIGINT NOT NULL,
  expires_at    BIGINT NOT NULL,
  revoked_at    BIGINT NOT NULL,
  revoke_reason TEXT NOT NULL
);
CREATE INDEX refresh_families_session ON refresh_families (session_id) WHERE session_id <> '';
CREATE INDEX refresh_families_grant ON refresh_families (grant_id) WHERE grant_id <> '';
CREATE INDEX refresh_families_user ON refresh_families (user_id);
CREATE INDEX refresh_families_expires ON refresh_families (expires_at);
-- postgres: ALTER TABLE refresh_families SET (fillfactor = 80);

CREATE TABLE api_keys (
  id           TEXT NOT NULL PRIMARY KEY,
  key_hash     BYTEA NOT NULL,
  owner_id     TEXT NOT NULL,
  org_id       TEXT NOT NULL,
  name         TEXT NOT NULL,
  scopes       TEXT NOT NULL,
  last4        TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL
);
CREATE INDEX api_keys_owner ON api_keys (owner_id);
CREATE INDEX api_keys_expires ON api_keys (expires_at) WHERE expires_at > 0;
-- postgres: ALTER TABLE api_keys SET (fillfactor = 80);

-- Definitions are read as a whole into a snapshot, never searched: their lists are JSON.
CREATE TABLE roles (
  name        TEXT NOT NULL PRIMARY KEY,
  permissions TEXT NOT NULL,
  inherits    TEXT NOT NULL
);
-- postgres: ALTER TABLE roles SET (fillfactor = 80);

CREATE TABLE role_assignments (
  subject TEXT NOT NULL,
  org_id  TEXT NOT NULL,
  role    TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
  PRIMARY KEY (subject, org_id, role)
);
CREATE INDEX role_assignments_role ON role_assignments (role, org_id, subject);

CREATE TABLE signing_keys (
  kid            TEXT NOT NULL PRIMARY KEY,
  alg            TEXT NOT NULL,
  key_use        TEXT NOT NULL,
  resource       TEXT NOT NULL,
  private_sealed BYTEA NOT NULL,
  public_jwk     TEXT NOT NULL,
  state          TEXT NOT NULL,
  not_before     BIGINT NOT NULL,
  retire_at      BIGINT NOT NULL,
  created_at     BIGINT NOT NULL
);

-- Keyset by id, which is ordered by time. The hashes are filled in later, by a
-- sealer that chains committed rows.
CREATE TABLE audit_log (
  id        TEXT NOT NULL PRIMARY KEY,
  at        BIGINT NOT NULL,
  actor     TEXT NOT NULL,
  action    TEXT NOT NULL,
  target    TEXT NOT NULL,
  org_id    TEXT NOT NULL,
  address   TEXT NOT NULL,
  trace_id  TEXT NOT NULL,
  outcome   TEXT NOT NULL,
  detail    TEXT NOT NULL,
  prev_hash BYTEA,
  hash      BYTEA
);
CREATE INDEX audit_log_actor ON audit_log (actor, id);
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE INDEX audit_log_target ON audit_log (target, id);

CREATE TABLE login_failures (
  key          BYTEA NOT NULL PRIMARY KEY,
  failures     BIGINT NOT NULL,
  first_at     BIGINT NOT NULL,
  locked_until BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL
);
CREATE INDEX login_failures_expires ON login_failures (expires_at);
-- postgres: ALTER TABLE login_failures SET (fillfactor = 80);
