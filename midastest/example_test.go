package midastest_test

import (
	"fmt"
	"log"
	"os"
	"slices"
	"testing"

	"github.com/midas-mysql/midas/midastest"
)

func ExampleStart() {
	TestOrders := func(t testing.TB) {
		m := midastest.Start(t)
		m.CreateAADUser("orders", "SELECT ON *.*")

		var user string
		if err := m.Open("orders").QueryRow("SELECT CURRENT_USER()").Scan(&user); err != nil {
			t.Fatal(err)
		}
		fmt.Println("signed in as", user)
	}
	run(TestOrders) // as go test does
	// Output: signed in as orders@%
}

// run runs a test inside an example, which has no testing.T.
func run(test func(testing.TB)) {
	t := &exampleTB{}
	defer t.end()
	test(t)
}

type exampleTB struct {
	testing.TB
	cleanups []func()
}

func (t *exampleTB) Helper()                      {}
func (t *exampleTB) Cleanup(f func())             { t.cleanups = append(t.cleanups, f) }
func (t *exampleTB) Fatal(args ...any)            { log.Panic(args...) }
func (t *exampleTB) Fatalf(f string, args ...any) { log.Panicf(f, args...) }
func (t *exampleTB) Errorf(f string, args ...any) { log.Panicf(f, args...) }

func (t *exampleTB) TempDir() string {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Panic(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (t *exampleTB) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}
