-- Marks by which the metadata endpoint knows a machine that shows no secret. A mark is of
-- one machine: the same one of two would be a token of the wrong one.
CREATE TABLE recognition (
  vm      INTEGER NOT NULL REFERENCES vm (resource) ON DELETE CASCADE,
  key     TEXT NOT NULL,
  name    TEXT NOT NULL,
  kind    TEXT NOT NULL CHECK (kind IN ('cidr', 'uid', 'cgroup')),
  value   TEXT NOT NULL, -- in its one spelling
  created INTEGER NOT NULL,
  PRIMARY KEY (vm, key),
  UNIQUE (kind, value)
) STRICT;
