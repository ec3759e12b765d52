-- Services that tokens can be for, and what people are told of them.

-- Resources are read as a whole: the document is one as JSON. alg is what its access
-- tokens are signed with; empty: as the settings have it.
CREATE TABLE sallyport_oauth_resources (
  uri        TEXT NOT NULL PRIMARY KEY,
  alg        TEXT NOT NULL,
  document   TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX sallyport_oauth_resources_alg ON sallyport_oauth_resources (alg);

-- Pictures of clients, as PNG: apart from the clients, which are read often.
CREATE TABLE sallyport_oauth_logos (
  client_id TEXT NOT NULL PRIMARY KEY,
  image     BYTEA NOT NULL
);
