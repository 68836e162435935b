// Package bench measures the gateway against a direct connection to the same server,
// both over TLS, in one run. `make bench` runs it; nothing here is a test, since a
// figure of a loaded machine must fail nobody.
package bench
