// Package embedded owns a MySQL engine inside the process, for the demo, for tests and
// for trying things out: dolthub/go-mysql-server with tables in memory, reached over
// pipes. It opens no socket and no file, and what it holds ends with the process.
//
// The engine is a good parser and planner over a storage made for its own tests, and it
// answers some things wrongly in silence. This package puts those right or refuses them
// with a MySQL error, and never passes an answer on that it knows to be wrong:
//
//   - one transaction writes at a time (lock.go, session.go), as commits overwrite whole
//     tables; a statement that changes definitions runs alone;
//   - tables are read without the engine's secondary indexes, which a rollback leaves
//     wrong, and edits keep keys apart that it confuses (storage.go, editor.go);
//   - account statements mean exactly the accounts that they name, and REVOKE takes what
//     it says (accounts.go, grants.go); a database's privileges never count as global ones
//     (privileges.go);
//   - text reads as MySQL reads it, or not at all (literals.go, charset.go);
//   - nobody reads or writes files of the host, or sets what all sessions share
//     (builder.go, functions.go);
//   - a statement ends with its connection, and a panic ends a statement (handler.go).
//
// It never decides who may sign in beyond the engine's own accounts, and never keeps
// data: where data must last, use package backend.
//
// The engine needs cgo unless built with the tag gms_pure_go. Without the tag this
// package is empty.
package embedded
