-- Columns named "key" hold a name folded to lower case: names are looked up without
-- regard to case and shown as they were first given.

CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE resource_group (
  key      TEXT PRIMARY KEY,
  name     TEXT NOT NULL,
  location TEXT NOT NULL,
  tags     TEXT NOT NULL,
  created  INTEGER NOT NULL, -- milliseconds since 1970, as all times here
  changed  INTEGER NOT NULL
) STRICT;

CREATE TABLE resource (
  id        INTEGER PRIMARY KEY,
  kind      TEXT NOT NULL CHECK (kind IN ('identity', 'vm', 'server')),
  group_key TEXT NOT NULL REFERENCES resource_group (key) ON DELETE CASCADE,
  key       TEXT NOT NULL,
  name      TEXT NOT NULL,
  location  TEXT NOT NULL,
  tags      TEXT NOT NULL,
  body      TEXT NOT NULL, -- what its client sent and midas has no word for
  created   INTEGER NOT NULL,
  changed   INTEGER NOT NULL,
  UNIQUE (kind, group_key, key)
) STRICT;
CREATE INDEX resource_by_group ON resource (group_key);

-- Service principals. A managed identity's dies with its resource; an application
-- stands alone and has the digest of a secret.
CREATE TABLE principal (
  object_id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL UNIQUE,
  key       TEXT NOT NULL,
  name      TEXT NOT NULL,
  resource  INTEGER UNIQUE REFERENCES resource (id) ON DELETE CASCADE,
  digest    BLOB,
  created   INTEGER NOT NULL
) STRICT;
CREATE INDEX principal_by_key ON principal (key);

CREATE TABLE vm (
  resource INTEGER PRIMARY KEY REFERENCES resource (id) ON DELETE CASCADE,
  vm_id    TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE server (
  resource        INTEGER PRIMARY KEY REFERENCES resource (id) ON DELETE CASCADE,
  key             TEXT NOT NULL UNIQUE, -- across groups: the name is a DNS name
  version         TEXT NOT NULL,
  admin_login     TEXT,
  admin_object_id TEXT,
  admin_tenant_id TEXT,
  admin_identity  TEXT
) STRICT;

CREATE TABLE parameter (
  server INTEGER NOT NULL REFERENCES server (resource) ON DELETE CASCADE,
  name   TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (server, name)
) STRICT;

-- Which user-assigned identities a machine or server has. Both ends cascade, so an
-- identity that is deleted is nowhere at the same instant.
CREATE TABLE assigned (
  host     INTEGER NOT NULL REFERENCES resource (id) ON DELETE CASCADE,
  identity INTEGER NOT NULL REFERENCES resource (id) ON DELETE CASCADE,
  PRIMARY KEY (host, identity)
) STRICT;
CREATE INDEX assigned_by_identity ON assigned (identity);

CREATE TABLE role_assignment (
  principal TEXT NOT NULL,
  role      TEXT NOT NULL,
  scope     TEXT NOT NULL,
  created   INTEGER NOT NULL,
  PRIMARY KEY (principal, role, scope)
) STRICT;

-- A token may outlive its principal by a day; what the principal may do must not.
CREATE TRIGGER principal_gone AFTER DELETE ON principal BEGIN
  DELETE FROM role_assignment WHERE principal = OLD.object_id;
END;
