package midastest_test

import (
	"fmt"
	"testing"

	"github.com/midas-mysql/midas/internal/exampletest"
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
	exampletest.Run(TestOrders) // as go test does
	// Output: signed in as orders@%
}
