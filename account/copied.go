package account

import (
	"hash/crc32"
	"maps"
	"slices"
)

// maxDropped bounds the rows that are remembered as given up. One that was forgotten is
// a row that the copy does not know, which is not believed either.
const maxDropped = 10_000

// copied is a state of a copy. It is changed only before others see it.
type copied struct {
	key     ServerKey          // under which it is sealed
	rows    map[string]keptRow // by mapping
	dropped []droppedRow       // the oldest first
	ended   bool               // the server is no more
	// tookOver tells that the rows of others at this backend were kept for their servers.
	tookOver bool

	// What index derives.
	users map[string][]Account
	gone  map[string]droppedRow // by mapping
	print fingerprint
}

// keptRow is a row with what is derived from it once.
type keptRow struct {
	Account
	mac  string // copySeal
	part uint32 // of the fingerprint
}

// droppedRow is a row that was given up. Lost tells that nobody dropped its account: it was
// gone with all others and all rows, as on an empty server in the place of the right one. Then
// its name is noted too.
type droppedRow struct {
	Mapping    string `json:"mapping"`
	Generation int    `json:"generation"`
	Lost       bool   `json:"lost,omitempty"`
	User       string `json:"user,omitempty"`
	Host       string `json:"host,omitempty"`
}

// refuses tells whether a can be kept no more, since it was given up.
func (d droppedRow) refuses(a Account) bool {
	return a.Generation < d.Generation || a.Generation == d.Generation && !d.Lost
}

func (d droppedRow) isLost(user, host string) bool { return d.Lost && d.User == user && d.Host == host }

func (c *copied) clone() *copied {
	next := &copied{key: c.key, rows: maps.Clone(c.rows), dropped: slices.Clone(c.dropped), gone: c.gone, ended: c.ended, tookOver: c.tookOver}
	if next.rows == nil {
		next.rows = map[string]keptRow{}
	}
	return next
}

func (c *copied) keep(a Account) {
	c.rows[a.Mapping] = keptRow{a, c.key.copySeal(a), crc32.ChecksumIEEE([]byte(c.key.line(a)))}
}

// give gives up a row.
func (c *copied) give(up droppedRow) {
	delete(c.rows, up.Mapping)
	c.forget(up.Mapping)
	c.dropped = append(c.dropped, up)
	c.dropped = c.dropped[max(0, len(c.dropped)-maxDropped):]
}

// revoke makes lost rows of a name ones that were dropped.
func (c *copied) revoke(user, host string) {
	for i, d := range c.dropped {
		if d.isLost(user, host) {
			c.dropped[i] = droppedRow{Mapping: d.Mapping, Generation: d.Generation}
		}
	}
}

// forget forgets that a row was given up.
func (c *copied) forget(mapping string) {
	c.dropped = slices.DeleteFunc(c.dropped, func(d droppedRow) bool { return d.Mapping == mapping })
}

func (c *copied) index() {
	c.users = make(map[string][]Account, len(c.rows))
	c.print = fingerprint{rows: uint64(len(c.rows))}
	for _, row := range c.rows {
		c.users[row.User] = append(c.users[row.User], row.Account)
		c.print.sum += uint64(row.part)
	}
	c.gone = make(map[string]droppedRow, len(c.dropped))
	for _, d := range c.dropped {
		c.gone[d.Mapping] = d
	}
}

func accountsOf(rows map[string]keptRow) []Account {
	out := make([]Account, 0, len(rows))
	for _, row := range rows {
		out = append(out, row.Account)
	}
	return out
}
