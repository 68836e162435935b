// Package mysqltest gives tests a real MariaDB or MySQL server: one process per test
// binary and kind, started at first use on a random loopback port and a unix socket,
// with a random root password, gone when the test binary is.
//
// A server that is not installed skips the test with one line, or fails it when the
// environment variable CI is set. test/servers/install.sh installs all of them.
//
// It is for _test.go files only and never touches a server that it did not start.
package mysqltest
