package stack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/throttledlog"
)

const (
	// listTimeout bounds a handshake's wait for the list of servers.
	listTimeout = time.Second
	// listAgain is the pause after a list that failed, in which the names at hand do.
	listAgain = time.Second
	// maxNameBytes bounds the names that are shown to a client which gives none to TLS. With them the
	// certificate has 8 KiB, which TLS sends without waiting for the client.
	maxNameBytes = 7 << 10
)

// serverList is what certificateNames reads; *directory.Directory is one.
type serverList interface {
	midas.Feed
	ListServers(ctx context.Context, group string) ([]directory.Server, error)
}

// certificateNames are the names of servers in the gateway's certificate. A client that
// gives TLS the name of a server is shown that server alone, and one that gives a name of
// no server is shown none. Most clients of MySQL give none and verify a name all the same:
// they are shown the gateway's own names and as many as fit, of the oldest servers that the common address is for: those who
// lead a client here from another address must not have it sign in here.
type certificateNames struct {
	hosts   []string // names of the gateway itself
	servers serverList
	apart   func(server string) bool // whether a server is reached at an address of its own alone; nil: none is
	timeout time.Duration            // of a list; a handshake waits for it
	now     func() time.Time
	log     *throttledlog.Log

	mu    sync.Mutex
	known namesAt
	retry time.Time // no list before
}

// namesAt are the servers' names as they were at a revision of the directory.
type namesAt struct {
	read     bool
	revision uint64
	unnamed  []string            // for clients that give no name
	byName   map[string][]string // in lower case
	servers  int
	left     int // servers that are not in unnamed
}

// of returns the names for a client that gave that one to TLS, in lower case.
func (c *certificateNames) of(serverName string) []string {
	if slices.ContainsFunc(c.hosts, func(host string) bool { return strings.EqualFold(host, serverName) }) {
		return c.hosts
	}
	known := c.current()
	if serverName == "" {
		return slices.Concat(c.hosts, known.unnamed)
	}
	return known.byName[serverName]
}

// leftOut says which servers clients cannot verify without giving their name, and what to
// do about it; "" for none.
func (c *certificateNames) leftOut() string {
	known := c.current()
	return known.leftOut()
}

func (n *namesAt) leftOut() string {
	if n.left == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d servers are not in the certificate for clients that send no server name (SNI): give mysql --tls-sni-servername=NAME, or connect by an address of this machine as USER@NAME", n.left, n.servers)
}

// current reads the names anew when a server has changed. When they cannot be read those at
// hand stay, and soon another handshake tries again.
func (c *certificateNames) current() namesAt {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Before(c.retry) {
		return c.known
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	next, err := c.readAfter(ctx, c.known)
	if err != nil {
		c.retry = c.now().Add(listAgain)
		c.log.Error("", "cannot read the names of the servers for the gateway's certificate; those at hand stay", "names", len(c.known.byName), "error", err, midas.HintAttr(err))
		return c.known
	}
	if left := next.leftOut(); left != "" && next.left != c.known.left {
		c.log.Warn("", "the gateway's certificate is full", "left_out", left)
	}
	c.known = next
	return next
}

func (c *certificateNames) readAfter(ctx context.Context, known namesAt) (namesAt, error) {
	changes, upTo, err := c.servers.Changes(ctx, known.revision)
	if err != nil {
		return namesAt{}, err
	}
	moved := func(c midas.Change) bool { return c.Kind == midas.ChangeServer || c.Kind == midas.ChangeAll }
	if known.read && !slices.ContainsFunc(changes, moved) {
		known.revision = upTo
		return known, nil
	}
	servers, err := c.servers.ListServers(ctx, "")
	if err != nil {
		return namesAt{}, err
	}
	// The oldest first: a server that clients verify stays in when another is made.
	slices.SortStableFunc(servers, func(a, b directory.Server) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.FQDN, b.FQDN))
	})
	next := namesAt{read: true, revision: upTo, byName: make(map[string][]string, 2*len(servers))}
	size := 0
	for _, server := range servers {
		names := []string{server.Name, server.FQDN}
		for _, name := range names {
			next.byName[strings.ToLower(name)] = names
		}
		if c.apart != nil && c.apart(server.Name) {
			continue
		}
		next.servers++
		size += len(server.Name) + len(server.FQDN) + 2*len("\x82\x7f") // tag and length
		if size > maxNameBytes {
			next.left++
		} else {
			next.unnamed = append(next.unnamed, names...)
		}
	}
	return next, nil
}
