-- What the committed transactions changed, as (kind, id): those who remember something of
-- the directory read here what to forget. Only the last some thousand rows are kept.
-- AUTOINCREMENT, so that no revision is used again after the oldest are gone.
CREATE TABLE change (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  kind     TEXT NOT NULL,
  id       TEXT NOT NULL
) STRICT;
