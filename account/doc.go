// Package account owns AADUSER accounts: the database users that stand for Microsoft
// Entra identities. It reads the statements that make them (CREATE AADUSER), decides
// whether a verified principal is the one that an account stands for (Admit), derives
// the secrets of the real accounts behind them (Deriver), and keeps the mapping in
// schema midas of the backend itself (Store), so that it is backed up with the data
// and shared by all gateways.
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
//   - MySQL keeps it in the user's ATTRIBUTE (CREATE USER … ATTRIBUTE). It survives
//     ALTER USER, SET PASSWORD, GRANT and RENAME USER, and dies with DROP USER. The
//     embedded engine does the same.
//   - MariaDB has no such clause; there it is one more key of the JSON document in
//     mysql.global_priv, which the server carries through ALTER USER, SET PASSWORD,
//     GRANT, FLUSH PRIVILEGES and RENAME USER, and drops with DROP USER and
//     CREATE OR REPLACE USER. The table is written directly, so on Galera it replicates
//     only with wsrep_mode=REPLICATE_ARIA. A dump that carries accounts as CREATE USER
//     statements loses the markers: run CREATE AADUSER again after restoring one.
//
// A renamed account is found by its marker and its row follows it. A copy of an account
// (SHOW CREATE USER run under another name) carries the marker too and is not followed
// as long as the original exists.
//
// Whoever may write schema midas or schema mysql may sign in as anyone: guard both.
package account
