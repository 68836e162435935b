package account

// copies keeps the mapping rows of one server a second time, outside its backend, where
// nobody who writes to the backend can lose, change or put back a row.
//
// A crash may come between a row and its copy, so the order of the two writes decides
// what it leaves behind. A new row is copied first: a copy without a row brings back a row
// without an account, which opens nothing. A changed row is written first, with a higher
// generation: of two states of a row the higher generation wins. A deleted row is deleted
// from the copy first: a row that the copy has given up is not believed.
type copies interface {
	keptRows
	keeping
	copyLife
	copyKey
	takeover
}

// keptRows are what a copy has.
type keptRows interface {
	// All returns the rows that are kept.
	All() []Account
	// of returns what is kept of a user name.
	of(user string) []Account
	// state returns the row of a mapping, and how it was given up, if it was.
	state(mapping string) (a Account, kept bool, dropped droppedRow)
	// sum is the fingerprint of all rows that are kept.
	sum() fingerprint
}

// keeping follows what is done to rows.
type keeping interface {
	// Put keeps a row, unless a later state of it is kept. It is on disk when Put returns.
	Put(a Account) error
	// Delete gives up a row for good: its mapping is not believed again, unless with a
	// higher generation.
	Delete(a Account) error
	// lose gives up all rows as lost: one that comes back as it was, with its account, is
	// kept again.
	lose() error
	// revoke gives up for good what was lost under the name of a: an administrator who drops
	// an account of that name does not mean to have the one before come back.
	revoke(a Account) error
}

// copyLife is from the first row that is kept to the end of the server.
type copyLife interface {
	// begun is false as long as nothing was ever kept: then the backend's rows are the
	// only ones there are.
	begun() bool
	// begin keeps the rows that the backend has.
	begin(rows []Account) error
	// end removes all that is kept, for a server that is no more.
	end() error
}

// copyKey is what the rows are kept under.
type copyKey interface {
	// sealedUnder is the key under which the rows are kept.
	sealedUnder() ServerKey
	// rekey keeps rows in place of all others, under a key, and goes on knowing what was
	// given up.
	rekey(key ServerKey, rows []Account) error
}

// takeover is for what a former midas had at this backend.
type takeover interface {
	// tookOver tells whether noteTookOver was called: the rows that a former midas kept at this
	// backend for other servers are kept for them.
	tookOver() bool
	noteTookOver() error
}

// fingerprint tells whether two sets of rows are the same, unless somebody wants it to: then
// rows that differ are found when they are read.
type fingerprint struct{ rows, sum uint64 }

// noCopies is for a store whose rows are in the backend alone.
type noCopies struct{}

var _ copies = noCopies{}

func (noCopies) Put(Account) error     { return nil }
func (noCopies) Delete(Account) error  { return nil }
func (noCopies) All() []Account        { return nil }
func (noCopies) begun() bool           { return false }
func (noCopies) begin([]Account) error { return nil }
func (noCopies) of(string) []Account   { return nil }
func (noCopies) lose() error           { return nil }
func (noCopies) revoke(Account) error  { return nil }

func (noCopies) state(string) (Account, bool, droppedRow) {
	return Account{}, false, droppedRow{}
}

func (noCopies) sealedUnder() ServerKey           { return ServerKey{} }
func (noCopies) rekey(ServerKey, []Account) error { return nil }

func (noCopies) tookOver() bool      { return false }
func (noCopies) noteTookOver() error { return nil }

func (noCopies) sum() fingerprint { return fingerprint{} }
func (noCopies) end() error       { return nil }
