package backend

import (
	"context"
	"crypto/rand"
	"database/sql"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
)

// Pool is a way to ask a backend.
type Pool interface{ DB() *sql.DB }

// identities are what a server, or the cluster that it is in, is known by. The members of a
// cluster have servers of their own and one set of accounts, so the cluster comes first.
// Source: MySQL Reference Manual, group_replication_group_name, server_uuid; Galera, "Galera
// Status Variables".
var identities = []struct{ what, query string }{
	{"group_replication_group_name", "SHOW GLOBAL VARIABLES LIKE 'group_replication_group_name'"},
	{"wsrep_cluster_state_uuid", "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'"},
	{serverUUID, "SHOW GLOBAL VARIABLES LIKE 'server_uuid'"},
}

const serverUUID = "server_uuid"

// identityOf returns by what a backend is known, as "what value", or "" for a server that says
// nothing: MariaDB has an identity in a cluster only.
func identityOf(ctx context.Context, db *sql.DB) (string, error) {
	for _, i := range identities {
		rows, err := db.QueryContext(ctx, i.query)
		if err != nil {
			return "", err
		}
		var name, value string
		for rows.Next() {
			if err = rows.Scan(&name, &value); err != nil {
				break
			}
		}
		if closing := rows.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return "", err
		}
		if strings.Trim(value, "0-") != "" { // a node that is in no cluster yet says zeros
			return i.what + " " + strings.ToLower(value), nil
		}
	}
	return "", nil
}

// sameByLock tells whether two pools lead to one server: an advisory lock that is taken over one
// is then seen over the other.
func sameByLock(ctx context.Context, a, b *sql.DB) (bool, error) {
	conn, err := a.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	name := "midas.probe." + rand.Text()
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK('"+name+"', 0)").Scan(&got); err != nil {
		return false, err
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK('"+name+"')") }()
	var holder sql.NullInt64
	err = b.QueryRowContext(ctx, "SELECT IS_USED_LOCK('"+name+"')").Scan(&holder)
	return holder.Valid, err
}

// Claims keeps two of midas's servers from one backend: the administrators of one would reach the
// accounts and databases of the other.
type Claims struct {
	mu      sync.Mutex
	held    map[string]claim // by server
	changes int              // of held
}

type claim struct {
	pool     Pool
	identity string
	process  string // see processOf
}

// compareTimeout is how long a backend may take to be compared with one that is claimed.
const compareTimeout = 2 * time.Second

// Claim gives a backend to a server, in place of the one that it had. It is a Conflict when
// another server has the same one, and Unavailable when it does not answer. Of one that does not
// answer now, what it said when it was claimed counts: those who have its database could else keep
// a server of others from its own for as long as they like. What cannot be told is not allowed.
func (c *Claims) Claim(ctx context.Context, server string, pool Pool) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	wanted := claim{pool: pool}
	var err error
	if wanted.identity, err = identityOf(ctx, pool.DB()); err == nil {
		wanted.process, err = processOf(ctx, pool.DB(), wanted.identity)
	}
	if err != nil {
		return midas.Errorf(midas.Unavailable, "ask the backend of server %s who it is: %w", server, err).
			WithHint("is it up and reachable from here?")
	}
	for {
		others, at := c.others(server)
		if err := wanted.differs(ctx, server, others); err != nil {
			return err
		}
		if c.take(server, wanted, at) {
			return nil
		}
	}
}

// others are the claims of other servers, as they were at a change. They are compared without the
// lock: a backend may not answer, and claims of others must not wait for it.
func (c *Claims) others(server string) (others map[string]claim, at int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	others = maps.Clone(c.held)
	delete(others, server)
	return others, c.changes
}

// take makes a claim the server's, unless there was another change.
func (c *Claims) take(server string, wanted claim, at int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != at {
		return false
	}
	if c.held == nil {
		c.held = map[string]claim{}
	}
	c.held[server] = wanted
	c.changes++
	return true
}

// differs tells why a server cannot have the backend beside the others.
func (c claim) differs(ctx context.Context, server string, others map[string]claim) error {
	for other, held := range others {
		why, err := held.compare(ctx, c)
		if err != nil {
			return midas.Errorf(midas.Unavailable, "find out whether servers %s and %s have one backend: %w", server, other, err).
				WithHint("both must answer: is the backend of server %s up?", other)
		}
		if why != "" {
			return midas.Errorf(midas.Conflict, "servers %s and %s have the same backend (%s)", server, other, why).
				WithHint("give each server a backend of its own: users and administrators of one would reach the other's data")
		}
	}
	return nil
}

// Release takes the backend of a server back.
func (c *Claims) Release(server string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, server)
}

// processOf returns what no other server says of itself, as long as it runs, or "" where that cannot
// be told: a node of a cluster is one server with the others.
func processOf(ctx context.Context, db *sql.DB, identity string) (process string, err error) {
	switch {
	case strings.HasPrefix(identity, serverUUID+" "):
		return identity, nil
	case identity != "":
		return "", nil
	}
	var version string
	if err := db.QueryRowContext(ctx, "SELECT @@version").Scan(&version); err != nil || !strings.Contains(version, "MariaDB") {
		return "", err
	}
	err = db.QueryRowContext(ctx, "SELECT CONCAT_WS(' ', 'MariaDB', @@hostname, @@port, @@datadir, @@socket)").Scan(&process)
	return process, err
}

// compare is same, and goes by what both said before where one of them does not answer now.
func (c claim) compare(ctx context.Context, other claim) (why string, err error) {
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	why, err = c.same(ctx, other)
	if err != nil && c.process != "" && other.process != "" && c.process != other.process {
		return "", nil
	}
	return why, err
}

// same returns by what two backends are known to be one, or "".
func (c claim) same(ctx context.Context, other claim) (why string, err error) {
	copied := strings.HasPrefix(c.identity, serverUUID+" ") // with the data folder, it may have been
	switch {
	case c.identity != "" && c.identity == other.identity && !copied:
		return c.identity, nil
	case c.identity != "" && other.identity != "" && c.identity != other.identity:
		return "", nil
	}
	same, err := sameByLock(ctx, c.pool.DB(), other.pool.DB())
	switch {
	case !same:
		return "", err
	case copied && c.identity == other.identity:
		return c.identity, err
	}
	return "a lock that is taken by way of one is seen by way of the other", err
}
