// Package backend owns the database server behind the gateway: a private server
// process that it initialises, starts and keeps alive (Private), or a server that
// somebody else runs (External). Either gives the gateway raw connections before the
// greeting, and the account store one privileged connection pool.
//
// It never parses a client's packet, never decides who may sign in, and never writes
// a password into a log, an error or a process's arguments. Package embedded, below
// it, is the third kind: an engine inside the process.
package backend
