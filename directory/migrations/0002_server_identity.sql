-- A server's own id: new for each creation, so that a server that is made again under
-- the name of one that was deleted has nothing of it. Servers that are there already keep
-- what they were known by, their ARM id; "unsealed" is 1 for those, until the records of
-- their accounts have been sealed, which they were not before.
ALTER TABLE server ADD COLUMN unique_id TEXT NOT NULL DEFAULT '';
ALTER TABLE server ADD COLUMN unsealed INTEGER NOT NULL DEFAULT 0;
UPDATE server SET unsealed = 1, unique_id = (
  SELECT '/subscriptions/' || s.value || '/resourcegroups/' || r.group_key || '/providers/microsoft.dbformysql/flexibleservers/' || r.key
  FROM resource r JOIN setting s ON s.name = 'subscription' WHERE r.id = server.resource
);
CREATE UNIQUE INDEX server_by_unique_id ON server (unique_id);

-- Servers that were deleted and may have left accounts in a database. The row is written
-- in the transaction of the deletion, also when that is of a group, and goes when the
-- accounts are gone.
CREATE TABLE departed_server (
  unique_id TEXT PRIMARY KEY,
  name      TEXT NOT NULL,
  unsealed  INTEGER NOT NULL
) STRICT;

CREATE TRIGGER server_gone AFTER DELETE ON server BEGIN
  INSERT INTO departed_server (unique_id, name, unsealed) VALUES (OLD.unique_id, OLD.key, OLD.unsealed);
END;
