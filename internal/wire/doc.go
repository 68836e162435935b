// Package wire owns the bytes of MySQL's client/server protocol that a gateway has
// to read or write itself: packet framing, the connection phase in both directions
// (greeting, TLS request, handshake response, authentication exchange, OK/ERR/EOF,
// COM_CHANGE_USER), enough of the command phase to find SQL text and string
// parameters (COM_QUERY, COM_STMT_PREPARE, COM_STMT_EXECUTE, COM_PROCESS_KILL), and
// the arithmetic of the password plugins.
//
// It never opens a socket, never decides who may sign in, never logs, and never
// parses result sets or SQL.
//
// Every decoder treats its input as hostile. It checks each length before using it,
// allocates no more than a small multiple of the bytes that it was given, and
// answers with a *MalformedError that names the field and the offset. Bytes after
// the last known field are ignored, since both server families add fields there.
//
// A connection-phase message is a struct with Append and a matching Parse function;
// what Parse returns holds copies and does not alias its input. SQL, parameters and
// tokens do alias it.
// Where the layout depends on the negotiated capabilities, both take them. Of some the gateway
// needs one half alone: the other is what tests and fuzzing hold it against.
//
// Only the 4.1 protocol (MySQL 4.1, 2004) and later is spoken.
//
// Sources: MySQL Server Documentation, "Client/Server Protocol"
// (https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html) and MariaDB
// Knowledge Base, "Client/Server Protocol"
// (https://mariadb.com/kb/en/clientserver-protocol/).
package wire
