-- A role assignment is known by a GUID, holds at a scope and goes with it. "scope" is the
-- folded ARM id; "group_key" and "resource" are what it names, both null for the
-- subscription. "role" is the GUID of a role definition.
ALTER TABLE role_assignment ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE role_assignment ADD COLUMN principal_type TEXT NOT NULL DEFAULT 'ServicePrincipal';
ALTER TABLE role_assignment ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE role_assignment ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
ALTER TABLE role_assignment ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE role_assignment ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE role_assignment ADD COLUMN group_key TEXT REFERENCES resource_group (key) ON DELETE CASCADE;
ALTER TABLE role_assignment ADD COLUMN resource INTEGER REFERENCES resource (id) ON DELETE CASCADE;

-- The only role there was, under Azure's id for it.
UPDATE role_assignment SET role = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635' WHERE role = 'Owner';
UPDATE role_assignment SET changed = created, name = lower(
  hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
  || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)));

CREATE UNIQUE INDEX role_assignment_by_name ON role_assignment (name);
CREATE INDEX role_assignment_by_scope ON role_assignment (scope);
CREATE INDEX role_assignment_by_group ON role_assignment (group_key);
CREATE INDEX role_assignment_by_resource ON role_assignment (resource);

-- Locks forbid what roles would allow. They hold at a scope as role assignments do.
CREATE TABLE lock (
  scope     TEXT NOT NULL,
  key       TEXT NOT NULL,
  name      TEXT NOT NULL,
  level     TEXT NOT NULL CHECK (level IN ('CanNotDelete', 'ReadOnly')),
  notes     TEXT NOT NULL,
  created   INTEGER NOT NULL,
  group_key TEXT REFERENCES resource_group (key) ON DELETE CASCADE,
  resource  INTEGER REFERENCES resource (id) ON DELETE CASCADE,
  PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX lock_by_group ON lock (group_key);
CREATE INDEX lock_by_resource ON lock (resource);

-- Who asked for which change, and what became of it.
CREATE TABLE activity (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  event       TEXT NOT NULL UNIQUE, -- a GUID
  at          INTEGER NOT NULL,
  scope       TEXT NOT NULL, -- folded, to be looked up; the next as it was asked for
  resource_id TEXT NOT NULL,
  group_key   TEXT NOT NULL, -- '' above groups
  correlation TEXT NOT NULL,
  body        TEXT NOT NULL  -- the rest, a JSON object
) STRICT;
CREATE INDEX activity_by_time ON activity (at);
CREATE INDEX activity_by_correlation ON activity (correlation);

-- "etag" is another one after each change of what a resource shows.
ALTER TABLE resource ADD COLUMN etag TEXT NOT NULL DEFAULT '';
UPDATE resource SET etag = lower(hex(randomblob(8)));
CREATE TRIGGER resource_made AFTER INSERT ON resource BEGIN
  UPDATE resource SET etag = lower(hex(randomblob(8))) WHERE id = NEW.id;
END;
CREATE TRIGGER resource_changed AFTER UPDATE OF tags, body, changed ON resource BEGIN
  UPDATE resource SET etag = lower(hex(randomblob(8))) WHERE id = NEW.id;
END;
CREATE TRIGGER assigned_added AFTER INSERT ON assigned BEGIN
  UPDATE resource SET etag = lower(hex(randomblob(8))) WHERE id = NEW.host;
END;
CREATE TRIGGER assigned_removed AFTER DELETE ON assigned BEGIN
  UPDATE resource SET etag = lower(hex(randomblob(8))) WHERE id = OLD.host;
END;
CREATE TRIGGER server_changed AFTER UPDATE OF version ON server BEGIN
  UPDATE resource SET etag = lower(hex(randomblob(8))) WHERE id = NEW.resource;
END;
CREATE TRIGGER principal_added AFTER INSERT ON principal WHEN NEW.resource IS NOT NULL BEGIN
  UPDATE resource SET etag = lower(hex(randomblob(8))) WHERE id = NEW.resource;
END;
CREATE TRIGGER principal_removed AFTER DELETE ON principal WHEN OLD.resource IS NOT NULL BEGIN
  UPDATE resource SET etag = lower(hex(randomblob(8))) WHERE id = OLD.resource;
END;
