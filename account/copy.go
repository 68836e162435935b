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
	// Put keeps a row. It is on disk when Put returns.
	Put(a Account) error
	// Delete gives up a row for good: its mapping is not believed again.
	Delete(a Account) error
	// All returns the rows that are kept.
	All() []Account
}

// noCopies is for a store whose rows are in the backend alone.
type noCopies struct{}

var _ copies = noCopies{}

func (noCopies) Put(Account) error    { return nil }
func (noCopies) Delete(Account) error { return nil }
func (noCopies) All() []Account       { return nil }
