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
	rows    map[string]keptRow // by mapping
	dropped []droppedRow       // the oldest first
	ended   bool               // the server is no more

	// What index derives.
	users map[string][]Account
	gone  map[string]int // generation of a dropped row by mapping
	print fingerprint
}

// keptRow is a row with what is derived from it once.
type keptRow struct {
	Account
	mac  string // copySeal
	part uint32 // of the fingerprint
}

type droppedRow struct {
	Mapping    string `json:"mapping"`
	Generation int    `json:"generation"`
}

func (c *copied) clone() *copied {
	next := &copied{rows: maps.Clone(c.rows), dropped: slices.Clone(c.dropped), gone: c.gone, ended: c.ended}
	if next.rows == nil {
		next.rows = map[string]keptRow{}
	}
	return next
}

func (c *copied) keep(d Deriver, a Account) {
	c.rows[a.Mapping] = keptRow{a, d.copySeal(a), crc32.ChecksumIEEE([]byte(d.line(a)))}
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
	c.gone = make(map[string]int, len(c.dropped))
	for _, d := range c.dropped {
		c.gone[d.Mapping] = d.Generation
	}
}

func accountsOf(rows map[string]keptRow) []Account {
	out := make([]Account, 0, len(rows))
	for _, row := range rows {
		out = append(out, row.Account)
	}
	return out
}
