// Package account owns AADUSER accounts: the database users that stand for Microsoft
// Entra identities. It reads the statements that make them (CREATE AADUSER), decides
// whether a verified principal is the one that an account stands for (Admit), derives
// the secrets of the real accounts behind them (ServerKey), and keeps the mapping in
// schema midas of the backend itself (Store), so that it is backed up with the data
// and shared by all gateways of the server. A Store is of one server, whose backend has no other.
//
// It never verifies a token, never speaks the MySQL protocol to clients, never decides
// who may run CREATE AADUSER, and never changes an account that it did not make.
//
// # Which account is ours
//
// A mapping row may outlive its account: DROP USER is an ordinary statement that midas
// does not see. An ordinary account of the same name may be made afterwards, and no
// token may open it. So each account carries a marker that dies with it, the random id
// of its mapping row:
//
//   - On MySQL it is one more key of the JSON document in mysql.user.User_attributes,
//     which only a writer of that table can put there. The server carries it through
//     ALTER USER … IDENTIFIED, SET PASSWORD, GRANT and RENAME USER, drops it with DROP
//     USER, and loses it with ALTER USER … ATTRIBUTE, COMMENT and the like; then the
//     account is known by its password, which is derived (Store.proven), and marked
//     again. One statement that changes both makes the account nobody's. ATTRIBUTE shows
//     the id too, as a label for people: it proves nothing.
//   - The embedded engine takes ATTRIBUTE at CREATE USER only, so there it is the marker.
//   - On MariaDB it is one more key of the JSON document in mysql.global_priv, which the
//     server carries through ALTER USER, SET PASSWORD, GRANT, FLUSH PRIVILEGES and RENAME
//     USER, and drops with DROP USER and CREATE OR REPLACE USER.
//
// Both tables are written directly; on Galera MariaDB's replicates only with
// wsrep_mode=REPLICATE_ARIA. A dump that carries accounts as CREATE USER statements loses
// the markers: on MariaDB run CREATE AADUSER again after restoring one.
//
// A renamed account is found by its marker and its row follows it. A copy of an account
// (SHOW CREATE USER run under another name) has the label and the password too and is not
// followed as long as the original exists.
//
// # Keys
//
// A server's key is derived from the master key, has a version, and is the only root of what is
// secret here: passwords, seals, the name of the lock. Another version (Store.Rekey), and the
// first key after a midas whose servers shared one and a backend (Former), makes rows, copy and
// secrets anew, once. What a former key sealed opens nothing by itself any more.
//
// # Which row counts
//
// Anyone who may write to schema midas, or drop it, could lock everybody out, or put back the
// row of an account that was dropped or given to another identity. So the rows are kept a
// second time, sealed, outside the backend (Copies). The copy decides: rows that the table
// lost or that were changed there are written again from it; a row with a lower generation
// than it has, or that it does not know, opens nothing until an operator confirms that a
// backup was restored (Store.Restore); and what it has given up stays out, unless
// the backend had lost all rows and all accounts at once, and both are back. A row never makes
// an account.
//
// A user who may write schema mysql may sign in as anyone, and so may, on MySQL, a user who may
// both read mysql.user and alter accounts: guard these privileges.
package account
