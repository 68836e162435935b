//go:build gms_pure_go

package embedded_test

import (
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
)

const accountsOfU = "SELECT User, Host FROM mysql.user WHERE User LIKE 'u%'"

// TestStatementsMeanTheAccountTheyName: the bare engine drops, grants to and revokes from
// u@'%' in each of these.
func TestStatementsMeanTheAccountTheyName(t *testing.T) {
	e := start(t)
	e.user("u", "SELECT ON *.*")
	e.run(e.DB(), "CREATE ROLE r")
	before := e.ask(e.DB(), "SHOW GRANTS FOR u")
	for statement, number := range map[string]uint16{
		"DROP USER u@localhost":                                        1396,
		"DROP USER u, nobody":                                          1396,
		"ALTER USER u@localhost IDENTIFIED BY 'x'":                     1396,
		"RENAME USER u@localhost TO v":                                 1396,
		"GRANT INSERT ON *.* TO u@localhost":                           1410,
		"GRANT r TO u@localhost":                                       1410,
		"REVOKE SELECT ON *.* FROM u@localhost":                        1141,
		"REVOKE ALL PRIVILEGES, GRANT OPTION FROM u@localhost":         1141,
		"SHOW GRANTS FOR u@localhost":                                  1141,
		"CREATE USER u":                                                1396,
		"GRANT INSERT ON *.* TO nobody":                                1410,
		"REVOKE INSERT ON *.* FROM nobody":                             1141,
		fmt.Sprintf("CREATE USER v, u IDENTIFIED BY '%s'", "whatever"): 1396,
	} {
		e.refused(e.DB(), number, statement)
	}
	e.run(
		e.DB(), "DROP USER IF EXISTS u@localhost", "REVOKE SELECT ON *.* FROM u@localhost IGNORE UNKNOWN USER",
		"REVOKE ALL PRIVILEGES, GRANT OPTION FROM u@localhost IGNORE UNKNOWN USER", "ALTER USER IF EXISTS u@localhost IDENTIFIED BY 'x'",
	)
	e.want(e.DB(), accountsOfU, "u|%")
	e.want(e.DB(), "SHOW GRANTS FOR u", before)
	e.want(e.DB(), "SELECT COUNT(*) FROM mysql.user WHERE User = 'v'", "0")
	if err := e.open("u").Ping(); err != nil {
		t.Errorf("the password has changed: %v", err)
	}
}

func TestAccountsOfOneNameAreApart(t *testing.T) {
	e := start(t)
	e.user("u")
	e.run(e.DB(), "CREATE DATABASE shop", "CREATE USER u@localhost", "CREATE USER u@'10.1.%'", "CREATE USER u@'127.0.0.1'")
	// The engine cannot tell this one from u@localhost.
	e.refused(e.DB(), 1396, "GRANT SELECT ON shop.* TO u@'127.0.0.1'")
	e.run(e.DB(), "GRANT SELECT ON shop.* TO u@'10.1.%'", "GRANT INSERT ON shop.* TO u@localhost", "GRANT UPDATE ON shop.* TO u@'%'")
	for host, privilege := range map[string]string{"10.1.%": "SELECT", "localhost": "INSERT", "%": "UPDATE"} {
		account := fmt.Sprintf("`u`@`%s`", host)
		e.want(e.DB(), "SHOW GRANTS FOR "+account, fmt.Sprintf("GRANT USAGE ON *.* TO %s, GRANT %s ON `shop`.* TO %s", account, privilege, account))
	}
	e.run(e.DB(), "DROP USER u@'10.1.%'")
	e.wantSet(e.DB(), accountsOfU, "u|%", "u|127.0.0.1", "u|localhost")
}

// TestCreateUserKeepsItsWord: the bare engine takes all of these and forgets them.
func TestCreateUserKeepsItsWord(t *testing.T) {
	e := start(t)
	e.run(
		e.DB(), "CREATE USER locked IDENTIFIED BY \""+password+"\" ACCOUNT LOCK",
		"CREATE USER IF NOT EXISTS locked IDENTIFIED BY 'x' ACCOUNT UNLOCK",
		"CREATE USER open1 IDENTIFIED BY \""+password+"\" ACCOUNT UNLOCK PASSWORD EXPIRE NEVER PASSWORD HISTORY 0",
		"CREATE USER IF NOT EXISTS open1 ACCOUNT LOCK ATTRIBUTE '{\"not\": \"kept\"}'",
	)
	if err := e.open("locked").Ping(); !isError(err, 1045) {
		t.Errorf("a locked account signs in: %v", err)
	}
	if err := e.open("open1").Ping(); err != nil {
		t.Errorf("an account that is not locked: %v", err)
	}
	e.want(e.DB(), "SELECT account_locked FROM mysql.user WHERE User = 'locked'", "Y")
	for _, clauses := range []string{
		"WITH MAX_QUERIES_PER_HOUR 1", "WITH MAX_USER_CONNECTIONS 1", "PASSWORD EXPIRE INTERVAL 10 DAY", "PASSWORD HISTORY 3",
		"PASSWORD REUSE INTERVAL 3 DAY", "FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 3",
	} {
		e.refused(e.DB(), 1235, "CREATE USER x IDENTIFIED BY 'x' "+clauses)
	}
	e.refused(e.DB(), 1235, "CREATE USER x DEFAULT ROLE r")
	e.refused(e.DB(), 1235, "CREATE USER x IDENTIFIED WITH caching_sha2_password BY 'x'")
	e.refused(e.DB(), 1235, "ALTER USER open1 IDENTIFIED WITH caching_sha2_password BY 'x'")
	e.refused(e.DB(), 1235, "ALTER USER open1 WITH MAX_QUERIES_PER_HOUR 1")
	e.want(e.DB(), "SELECT COUNT(*) FROM mysql.user WHERE User = 'x'", "0")
}

// TestAttributesAreKept as MySQL keeps them: account stores mark accounts with them.
func TestAttributesAreKept(t *testing.T) {
	e := start(t)
	e.run(
		e.DB(), "CREATE USER marked IDENTIFIED WITH mysql_native_password BY 'x' ATTRIBUTE '{\"midas\": \"0c2f5d57-1111-4000-8000-0123456789ab\"}'",
		"CREATE USER noted COMMENT 'it is \"his\"'", "CREATE USER plain",
	)
	const marker = "SELECT User, COALESCE(JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.midas')), '') FROM mysql.user WHERE User %s"
	want := "marked|0c2f5d57-1111-4000-8000-0123456789ab"
	e.want(e.DB(), fmt.Sprintf(marker, "= 'marked'"), want)
	e.want(e.DB(), fmt.Sprintf(marker, "= 'plain'"), "plain|")
	e.want(e.DB(), "SELECT JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.comment')) FROM mysql.user WHERE User = 'noted'", `it is "his"`)
	got := e.ask(e.DB(), "SELECT User FROM mysql.user WHERE JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.midas')) = ?", "0c2f5d57-1111-4000-8000-0123456789ab")
	if got != "marked" {
		t.Errorf("by marker: %q", got)
	}
	e.run(e.DB(), "ALTER USER marked IDENTIFIED BY 'y'", "GRANT SELECT ON *.* TO marked", "REVOKE ALL PRIVILEGES, GRANT OPTION FROM marked")
	e.want(e.DB(), fmt.Sprintf(marker, "= 'marked'"), want)
	e.run(e.DB(), "DROP USER marked", "CREATE USER marked")
	e.want(e.DB(), fmt.Sprintf(marker, "= 'marked'"), "marked|")
	for _, wrong := range []string{"[]", "null", "1", "{", `{"a": 1} x`} {
		e.refused(e.DB(), 3140, "CREATE USER x ATTRIBUTE '"+wrong+"'")
	}
}

func TestRenameUser(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (n INT)", "CREATE TABLE shop.other (n INT)", "CREATE ROLE r", "GRANT SELECT ON shop.other TO r")
	e.user("u1", "SELECT ON shop.t", "r")
	e.user("u2")
	e.refused(e.DB(), 1396, "RENAME USER u1 TO u2")
	e.run(e.DB(), "RENAME USER u1 TO u3, u2 TO u1")
	u3 := e.conn("u3")
	e.want(u3, "SELECT CURRENT_USER()", "u3@%")
	e.want(u3, "SELECT COUNT(*) FROM shop.t", "0")
	e.want(u3, "SELECT COUNT(*) FROM shop.other", "0")
	e.refused(e.conn("u1"), 1142, "SELECT * FROM shop.t")
	if err := e.open("u2").Ping(); !isError(err, 1045) {
		t.Errorf("the old name signs in: %v", err)
	}
	e.run(e.DB(), "RENAME USER u1 TO x, u3 TO u1, x TO u3")
	e.refused(e.DB(), 1396, "RENAME USER u1 TO x, u3 TO u1, nobody TO u3") // and nothing is renamed
	e.want(e.conn("u1"), "SELECT COUNT(*) FROM shop.other", "0")
	e.refused(e.conn("u3"), 1142, "SELECT * FROM shop.t")
}

func TestEveryoneSeesHisOwnGrants(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE shop")
	e.user("u", "SELECT ON shop.*")
	e.user("v")
	u := e.conn("u")
	for _, statement := range []string{"SHOW GRANTS", "SHOW GRANTS FOR CURRENT_USER", "SHOW GRANTS FOR CURRENT_USER()", "SHOW GRANTS FOR u", "SHOW GRANTS FOR u@'%'"} {
		e.want(u, statement, "GRANT USAGE ON *.* TO `u`@`%`, GRANT SELECT ON `shop`.* TO `u`@`%`")
	}
	e.refused(u, 1044, "SHOW GRANTS FOR v")
	e.refused(u, 1044, "SHOW GRANTS FOR u@localhost")
	e.want(u, "SELECT CURRENT_USER()", "u@%")
}

// TestServiceAccountIsOutOfReach: an Entra administrator has every privilege used here.
func TestServiceAccountIsOutOfReach(t *testing.T) {
	e := start(t)
	e.user("admin")
	e.run(e.DB(), "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, CREATE USER ON *.* TO admin WITH GRANT OPTION")
	admin := e.conn("admin")
	service := "'midas'@'midas.internal'"
	e.want(e.DB(), "SELECT CURRENT_USER()", "midas@midas.internal")
	for _, statement := range []string{
		"ALTER USER %s IDENTIFIED BY 'x'", "DROP USER %s", "RENAME USER %s TO x", "GRANT SELECT ON *.* TO %s",
		"REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s", "CREATE USER IF NOT EXISTS %s IDENTIFIED BY 'x'",
	} {
		e.refused(admin, 1227, fmt.Sprintf(statement, service))
	}
	for _, statement := range []string{
		"UPDATE mysql.user SET authentication_string = '' WHERE User = 'midas'", "DELETE FROM mysql.user",
		"INSERT INTO mysql.user (Host, User) VALUES ('%', 'x')", "TRUNCATE TABLE mysql.user", "DROP TABLE mysql.user",
	} {
		e.refused(admin, 1235, statement)
	}
	// A namesake is somebody else.
	e.run(admin, "CREATE USER midas IDENTIFIED BY \""+password+"\"")
	namesake := e.conn("midas")
	e.want(namesake, "SELECT CURRENT_USER()", "midas@%")
	e.refused(namesake, 1227, "ALTER USER "+service+" IDENTIFIED BY 'x'")
	e.refused(namesake, 1142, "SELECT * FROM mysql.user")
	if err := e.DB().Ping(); err != nil {
		t.Error(err)
	}
}

func TestOwnPassword(t *testing.T) {
	e := start(t)
	e.user("u")
	e.run(e.DB(), "CREATE USER u@localhost IDENTIFIED BY 'other'", "CREATE USER v")
	e.run(e.DB(), "DROP USER u@localhost")
	u := e.conn("u")
	e.run(e.DB(), "CREATE USER u@localhost IDENTIFIED BY 'other'")
	e.refused(u, 1227, "ALTER USER u@localhost IDENTIFIED BY 'x'")
	e.refused(u, 1227, "ALTER USER v IDENTIFIED BY 'x'")
	e.run(e.DB(), "DROP USER u@localhost")
	e.run(u, "ALTER USER u IDENTIFIED BY 'new'")
	if err := e.open("u").Ping(); !isError(err, 1045) {
		t.Errorf("the old password: %v", err)
	}
	if err := e.open("u", func(c *mysql.Config) { c.Passwd = "new" }).Ping(); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestAccountStatementsStayOutOfStoredPrograms(t *testing.T) {
	e := shop(t)
	e.run(e.DB(), "CREATE PROCEDURE shop.p() REVOKE ALL PRIVILEGES, GRANT OPTION FROM u", "CREATE PROCEDURE shop.q() CREATE TABLE shop.made (n INT)")
	e.refused(e.DB(), 1235, "CALL shop.p()")
	e.refused(e.DB(), 1235, "CALL shop.q()")
	e.want(e.conn("u"), "SELECT COUNT(*) FROM shop.t", "2")
}

// TestSignalledWarning is how the gateway tells a session what it should know.
func TestSignalledWarning(t *testing.T) {
	e := start(t)
	e.user("u")
	u := e.conn("u")
	e.run(u, "SIGNAL SQLSTATE '01000' SET MYSQL_ERRNO = 3163, MESSAGE_TEXT = '100%s of ''it'''")
	e.want(u, "SHOW WARNINGS", "Warning|3163|100%s of 'it'")
	e.refused(u, 1644, "SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1644, MESSAGE_TEXT = 'no'")
	e.want(u, "SELECT 1", "1")
	e.want(u, "SHOW WARNINGS", "")
	c := e.raw("u")
	c.send(0, append([]byte{3}, "SIGNAL SQLSTATE '01000' SET MESSAGE_TEXT = 'x'"...))
	if ok := c.packet(); ok[0] != 0 || ok[5] != 1 {
		t.Errorf("%q does not count one warning", ok)
	}
}
