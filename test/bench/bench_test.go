package bench

import (
	"testing"

	"github.com/go-sql-driver/mysql"
)

// BenchmarkPrepared selects one row by its key through a prepared statement.
func BenchmarkPrepared(b *testing.B) {
	w := newWorld(b)
	for _, workers := range clients {
		b.Run(name(workers), func(b *testing.B) {
			w.compare(b, workers, func(c *mysql.Config) (func() error, func(), error) {
				db, err := open(c)
				if err != nil {
					return nil, nil, err
				}
				st, err := db.Prepare("SELECT pad FROM t WHERE id = ?")
				if err != nil {
					return nil, nil, err
				}
				n := 0
				return func() error {
					var pad string
					n++
					return st.QueryRow(n%1000 + 1).Scan(&pad)
				}, func() { db.Close() }, nil
			})
		})
	}
}

// BenchmarkText does the same with the text of each statement.
func BenchmarkText(b *testing.B) {
	w := newWorld(b)
	for _, workers := range clients {
		b.Run(name(workers), func(b *testing.B) {
			w.compare(b, workers, func(c *mysql.Config) (func() error, func(), error) {
				c.InterpolateParams = true
				db, err := open(c)
				if err != nil {
					return nil, nil, err
				}
				n := 0
				return func() error {
					var pad string
					n++
					return db.QueryRow("SELECT pad FROM t WHERE id = ?", n%1000+1).Scan(&pad)
				}, func() { db.Close() }, nil
			})
		})
	}
}

// BenchmarkSignIn is a new TLS connection, a sign-in, SELECT 1 and the end.
func BenchmarkSignIn(b *testing.B) {
	w := newWorld(b)
	for _, workers := range []int{1, 8} {
		b.Run(name(workers), func(b *testing.B) {
			w.compare(b, workers, func(c *mysql.Config) (func() error, func(), error) {
				return func() error {
					db, err := open(c)
					if err != nil {
						return err
					}
					defer db.Close()
					_, err = db.Exec("DO 1")
					return err
				}, func() {}, nil
			})
		})
	}
}
