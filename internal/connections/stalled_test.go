package connections

import (
	"io"
	"testing"
	"testing/synctest"
)

// A program that begins requests and never ends them keeps nobody else on its machine out, nor
// behind its address, however many it has.
func TestStalledOnesMakeRoomForTheirOwn(t *testing.T) {
	for name, request := range map[string]string{
		"header": "POST / HTTP/1.1\r\nHo",
		"body":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\ngrant",
	} {
		for _, address := range []string{"127.0.0.1", "198.51.100.7", "2001:db8::1"} {
			t.Run(name+" from "+address, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := serve(t)
					worked := l.slow(address) // the oldest of all
					for range 7 {
						c := l.dial(address)
						go io.WriteString(c, request)
						synctest.Wait()
					}
					for range 3 {
						newcomer := l.dial(address)
						for range 2 {
							if !newcomer.ask("/") {
								t.Fatal("those that stall have all the places")
							}
						}
					}
					if worked.status() == -1 {
						t.Error("a request that the port works on gave way to others of its sender")
					}
				})
			})
		}
	}
}
