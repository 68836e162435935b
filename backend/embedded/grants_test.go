//go:build gms_pure_go

package embedded_test

import (
	"testing"
)

// TestRevokeTakesEverything: the bare engine says OK and takes the global privileges.
func TestRevokeTakesEverything(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (n INT)", "CREATE PROCEDURE shop.p() SELECT 1", "CREATE ROLE r")
	for _, way := range []string{"text", "prepared", "prepared in SQL", "ALL, GRANT OPTION"} {
		t.Run(way, func(t *testing.T) {
			e := &engine{t, e.Backend}
			e.run(e.DB(), "DROP USER IF EXISTS u")
			e.user("u", "PROCESS ON *.*", "INSERT ON shop.*", "SELECT ON shop.t", "EXECUTE ON PROCEDURE shop.p", "r")
			e.run(e.DB(), "GRANT UPDATE ON shop.* TO u WITH GRANT OPTION")
			u := e.conn("u")
			e.want(u, "SELECT COUNT(*) FROM shop.t", "0")
			statement := "REVOKE ALL PRIVILEGES, GRANT OPTION FROM u"
			admin := e.connOf(e.DB())
			switch way {
			case "prepared":
				prepared, err := admin.PrepareContext(t.Context(), statement)
				if err != nil {
					t.Fatal(err)
				}
				defer prepared.Close()
				if _, err := prepared.Exec(); err != nil {
					t.Fatal(err)
				}
			case "prepared in SQL":
				e.run(admin, "PREPARE s FROM '"+statement+"'", "EXECUTE s")
			case "text":
				e.run(admin, statement)
			default:
				e.run(admin, "REVOKE ALL, GRANT OPTION FROM u")
			}
			e.want(e.DB(), "SHOW GRANTS FOR u", "GRANT USAGE ON *.* TO `u`@`%`, GRANT `r`@`%` TO `u`@`%`") // roles stay, as in MySQL
			e.refused(u, 1142, "SELECT * FROM shop.t")
		})
	}
}

func TestGrantedAndRevoked(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (n INT)", "CREATE TABLE shop.other (n INT)")
	e.user("u")
	u := e.conn("u")
	e.refused(u, 1142, "SELECT * FROM shop.t")
	e.run(e.DB(), "GRANT SELECT ON shop.t TO u")
	e.want(u, "SELECT COUNT(*) FROM shop.t", "0")
	e.refused(u, 1142, "INSERT INTO shop.t VALUES (1)")
	e.refused(u, 1142, "SELECT * FROM shop.other")
	e.run(e.DB(), "REVOKE SELECT ON shop.t FROM u", "GRANT INSERT ON shop.* TO u")
	e.run(u, "INSERT INTO shop.other VALUES (1)")
	e.refused(u, 1142, "SELECT * FROM shop.t")
	e.run(e.DB(), "REVOKE ALL ON shop.* FROM u")
	e.refused(u, 1142, "INSERT INTO shop.t VALUES (1)")
	e.run(e.DB(), "DROP USER u")
	if err := e.open("u").Ping(); !isError(err, 1045) {
		t.Errorf("a dropped user signs in: %v", err)
	}
}

// TestGrantsOnEscapedNames: MySQL's clients escape the wildcards of database names.
func TestGrantsOnEscapedNames(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE my_shop", "CREATE TABLE my_shop.t (n INT)")
	e.user("u", "SELECT ON `my\\_shop`.*")
	u := e.conn("u")
	e.want(u, "SELECT COUNT(*) FROM my_shop.t", "0")
	e.refused(e.DB(), 1235, "GRANT SELECT ON `my%`.* TO u")
	e.run(e.DB(), "REVOKE SELECT ON `my\\_shop`.* FROM u")
	e.refused(u, 1142, "SELECT * FROM my_shop.t")
}

// TestRevokeStaysAtItsLevel: on the bare engine, REVOKE ALL ON shop.* takes GRANT OPTION and
// the tables' privileges too, and so does the last privilege of a database.
func TestRevokeStaysAtItsLevel(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (n INT)", "CREATE TABLE shop.other (n INT)", "CREATE PROCEDURE shop.p() SELECT 1")
	for _, revoke := range []string{"REVOKE INSERT ON shop.* FROM u", "REVOKE ALL ON shop.* FROM u", "REVOKE ALL ON shop.other FROM u"} {
		e.user("u", "SELECT ON shop.t", "INSERT ON shop.*", "EXECUTE ON PROCEDURE shop.p")
		e.run(e.DB(), "GRANT SELECT, DELETE ON shop.other TO u WITH GRANT OPTION", revoke)
		u := e.conn("u")
		e.want(u, "SELECT COUNT(*) FROM shop.t", "0")
		e.want(u, "CALL shop.p()", "1")
		e.run(e.DB(), "DROP USER u")
	}
	e.user("u", "SELECT ON shop.t", "SELECT, INSERT ON shop.* ")
	e.user("v")
	u := e.conn("u")
	e.run(e.DB(), "GRANT DELETE ON shop.* TO u WITH GRANT OPTION", "REVOKE ALL ON shop.* FROM u")
	e.refused(u, 1142, "SELECT * FROM shop.other")
	e.run(u, "GRANT SELECT ON shop.t TO v") // he keeps GRANT OPTION
	e.run(e.DB(), "REVOKE GRANT OPTION ON shop.* FROM u")
	e.refused(u, 1142, "GRANT SELECT ON shop.t TO v")
	e.run(e.DB(), "REVOKE ALL ON shop.t FROM u")
	e.refused(u, 1142, "SELECT * FROM shop.t")
}

// TestGrantNeedsGrantOption: on the bare engine a user who may update all tables may grant
// everything, such as FILE to themselves.
func TestGrantNeedsGrantOption(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (n INT)")
	e.user("u")
	for _, privileges := range []string{"SELECT, UPDATE ON *.*", "ALL ON *.*"} {
		e.run(e.DB(), "GRANT "+privileges+" TO u")
		u := e.conn("u")
		for _, statement := range []string{"GRANT FILE ON *.* TO u", "GRANT SELECT ON *.* TO u WITH GRANT OPTION", "REVOKE SELECT ON *.* FROM midas"} {
			e.refused(u, 1227, statement)
		}
		e.refused(u, 1044, "GRANT SELECT ON shop.* TO u")
		e.refused(u, 1142, "GRANT SELECT ON shop.t TO u")
	}
}

// TestNobodyGetsSuper, which the engine takes for all privileges: REVOKE would do nothing.
func TestNobodyGetsSuper(t *testing.T) {
	e := start(t)
	e.run(e.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (n INT)")
	e.user("u", "ALL ON *.*")
	u := e.conn("u")
	e.refused(e.DB(), 1235, "GRANT SUPER ON *.* TO u")
	e.want(u, "SELECT COUNT(*) FROM shop.t", "0")
	e.run(e.DB(), "REVOKE SELECT, INSERT ON *.* FROM u")
	e.refused(u, 1142, "SELECT * FROM shop.t")
	e.refused(u, 1142, "INSERT INTO shop.t VALUES (1)")
	e.run(u, "DELETE FROM shop.t WHERE n = 1")
	e.refused(u, 1227, "SET GLOBAL max_connections = 1")
}
