-- Resources that midas keeps and shows and gives no meaning: networks, and deployments.
-- type is ARM's, in lower case.
CREATE TABLE plain_resource (
  id        INTEGER PRIMARY KEY,
  type      TEXT NOT NULL,
  group_key TEXT NOT NULL REFERENCES resource_group (key) ON DELETE CASCADE,
  key       TEXT NOT NULL,
  name      TEXT NOT NULL,
  location  TEXT NOT NULL,
  tags      TEXT NOT NULL,
  body      TEXT NOT NULL,
  created   INTEGER NOT NULL,
  changed   INTEGER NOT NULL,
  UNIQUE (type, group_key, key)
) STRICT;
CREATE INDEX plain_resource_by_group ON plain_resource (group_key);
