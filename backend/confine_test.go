//go:build unix

package backend_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/confine"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// stolen is what a master key holds, and marker what an attacker writes.
const (
	stolen = "the-key-of-the-whole-identity-plane"
	marker = "written-by-an-attacker"
)

// stateDir is a state directory with a key and the folder of a private server in it.
func stateDir(t *testing.T, binary string) (state, dir string) {
	t.Helper()
	dir = prepared(t, binary)
	state = filepath.Dir(dir)
	if err := os.WriteFile(filepath.Join(state, "master.key"), []byte(stolen+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return state, dir
}

// attacker is a connection of an administrator, with every right that it could give itself.
func attacker(t *testing.T, b *backend.Backend, dir string) *sql.DB {
	t.Helper()
	run(t, b.DB(), "CREATE DATABASE shop", "CREATE TABLE shop.t (a TEXT)",
		"CREATE USER eve@localhost IDENTIFIED BY 'eve'",
		"GRANT "+strings.Join(account.AdministratorPrivileges(), ", ")+" ON *.* TO eve@localhost WITH GRANT OPTION")
	db := connect(t, dir, "eve", "eve")
	if b.Dialect() == backend.MariaDB {
		run(t, db, `UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.access', 18446744073709551615) WHERE User = 'eve'`, "FLUSH PRIVILEGES")
		return connect(t, dir, "eve", "eve") // privileges are those of sign-in
	}
	// MySQL takes the right to write to schema mysql from administrators; a hole in that
	// must not be one in the confinement.
	run(t, b.DB(), "GRANT ALL PRIVILEGES ON *.* TO eve@localhost WITH GRANT OPTION")
	return connect(t, dir, "eve", "eve")
}

func connect(t *testing.T, dir, user, password string) *sql.DB {
	t.Helper()
	sockets, _ := filepath.Glob(filepath.Join(dir, "*.sock"))
	if deeper, _ := filepath.Glob(filepath.Join(dir, "*", "*.sock")); len(sockets) == 0 {
		sockets = deeper
	}
	if len(sockets) == 0 {
		t.Fatalf("no socket in %s", dir)
	}
	db, err := sql.Open("mysql", user+":"+password+"@unix("+sockets[0]+")/")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// attacks are statements by which servers write and read files; %s is the state directory.
var attacks = []string{
	"SET GLOBAL general_log = OFF", "SET GLOBAL general_log_file = '%s/general.log'", "SET GLOBAL general_log = ON",
	"SELECT '" + marker + "'",
	"SET GLOBAL slow_query_log_file = '%s/slow.log'", "SET GLOBAL slow_query_log = ON", "SET SESSION long_query_time = 0",
	"SELECT '" + marker + "', SLEEP(0.01)",
	"SET GLOBAL general_log_file = '%s/master.key'", "SET GLOBAL general_log = ON", "SELECT '" + marker + "'",
	"SET GLOBAL general_log_file = '%s/backend/start.sql'", "SET GLOBAL general_log = ON", "SELECT '" + marker + "'",
	"SET GLOBAL general_log_file = 'planted.log'", "SET GLOBAL general_log = ON", "SELECT '" + marker + "'",
	"SET GLOBAL log_error = '%s/error.log'", "SET GLOBAL plugin_dir = '%s'", "SET GLOBAL secure_file_priv = '%s'",
	"SELECT '" + marker + "' INTO OUTFILE '%s/outfile'", "SELECT '" + marker + "' INTO DUMPFILE '%s/dumpfile'",
	"SELECT '" + marker + "' INTO OUTFILE '%s/backend/lock2'",
	"CREATE TABLE shop.myisam (a TEXT) ENGINE=MyISAM DATA DIRECTORY='%[1]s' INDEX DIRECTORY='%[1]s'",
	"CREATE TABLE shop.aria (a TEXT) ENGINE=Aria DATA DIRECTORY='%s'",
	"CREATE TABLE shop.innodb (a TEXT) ENGINE=InnoDB DATA DIRECTORY='%s'",
	"CREATE TABLESPACE space ADD DATAFILE '%s/space.ibd'",
	"CREATE UNDO TABLESPACE undo ADD DATAFILE '%s/undo.ibu'",
	"SET GLOBAL innodb_tmpdir = '%s'", "SET GLOBAL innodb_buffer_pool_filename = '%s/pool'", "SET GLOBAL innodb_buffer_pool_dump_now = ON",
	"INSTALL SONAME '%s/evil'", "INSTALL PLUGIN evil SONAME '%s/evil.so'",
	"CREATE FUNCTION evil RETURNS STRING SONAME '%s/evil.so'", "CREATE FUNCTION evil RETURNS STRING SONAME '../../../../../../../../../../../%s/evil.so'",
	"INSTALL COMPONENT 'file:/%s/evil'",
	"INSTALL PLUGIN clone SONAME 'mysql_clone.so'", "CLONE LOCAL DATA DIRECTORY = '%s/clone'",
	"LOAD DATA INFILE '%s/master.key' INTO TABLE shop.t",
	"INSERT INTO shop.t SELECT LOAD_FILE('%s/master.key')",
	"INSERT INTO shop.t SELECT LOAD_FILE('/proc/self/environ')",
	"INSERT INTO shop.t SELECT a FROM shop.planted",
	"INSERT INTO shop.planted VALUES ('" + marker + "')", "FLUSH TABLES",
}

// TestPrivateServerIsConfined: an administrator who becomes root of the private server gets
// at nothing outside its folders, and above all not at the keys that lie beside them.
func TestPrivateServerIsConfined(t *testing.T) {
	for name, m := range map[string]confine.Mechanism{"Landlock": confine.Landlock, "namespaces": confine.Namespaces} {
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(confine.Available(), m) {
				t.Fatalf("%s does not work here, only %q", m, confine.Available())
			}
			defer backend.ConfineBy(m)()
			programs(t, attack)
		})
	}
}

func attack(t *testing.T, binary string) {
	state, dir := stateDir(t, binary)
	t.Setenv("MIDAS_TEST_SECRET", stolen)
	b := open(t, dir, binary)
	db := attacker(t, b, dir)
	run(t, db, "CREATE TABLE shop.planted (a TEXT NOT NULL) ENGINE=CSV", "FLUSH TABLES")
	plant(t, state, dir)
	before := snapshot(t, state, dir)
	if len(before) < 3 {
		t.Fatalf("only %v is outside: the rest would prove nothing", before)
	}
	done := 0
	for _, attack := range attacks {
		if strings.Contains(attack, "%") {
			attack = fmt.Sprintf(attack, state)
		}
		if _, err := db.Exec(attack); err == nil {
			done++
		} else {
			t.Logf("%s: %v", attack, err)
		}
	}
	if done < 10 {
		t.Errorf("only %d statements ran at all: they proved nothing", done)
	}
	for path, text := range snapshot(t, state, dir) {
		if was, there := before[path]; !there || was != text {
			t.Errorf("%s was written: %.200q", path, text)
		}
	}
	var read int
	if err := db.QueryRow("SELECT COUNT(*) FROM shop.t WHERE a LIKE ?", "%"+stolen+"%").Scan(&read); err != nil || read > 0 {
		t.Errorf("%d secrets were read, %v", read, err)
	}
	if strings.Contains(b.Describe(), "NOT confined") {
		t.Errorf("it says of itself: %s", b.Describe())
	}
}

// TestUnconfinedServerSaysSo: where a system can confine no server, the start says that in
// one line.
func TestUnconfinedServerSaysSo(t *testing.T) {
	defer backend.ConfineBy()()
	binary := mysqltest.Require(t, mysqltest.MariaDBServer)
	var log strings.Builder
	b, err := backend.Private(t.Context(), backend.PrivateConfig{
		Dir: prepared(t, binary), Binary: binary, Password: "x", Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if got := strings.Count(log.String(), "NOT confined"); got != 1 || !strings.Contains(b.Describe(), "NOT confined") {
		t.Errorf("%d lines of the log say it, and of itself it says %q:\n%s", got, b.Describe(), log.String())
	}
}

// TestPrivateKeepsLinksOut: a link in place of one of the server's folders would lead its
// right to write to where it points.
func TestPrivateKeepsLinksOut(t *testing.T) {
	binary := mysqltest.Require(t, mysqltest.MariaDBServer)
	for _, name := range []string{"data", "files", "tmp", "run", "mysqld.log"} {
		dir, elsewhere := prepared(t, binary), t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(elsewhere, "x"), path); err != nil {
			t.Fatal(err)
		}
		if b, err := backend.Private(t.Context(), backend.PrivateConfig{Dir: dir, Binary: binary, Password: "x"}); err == nil {
			_ = b.Close()
			t.Errorf("started with a link as %s", name)
		}
		if left, _ := os.ReadDir(elsewhere); len(left) > 0 {
			t.Errorf("a link as %s was followed: %v", name, left)
		}
	}
}

// plant puts links into the data, as if the server could make them, and a library beside it.
func plant(t *testing.T, state, dir string) {
	t.Helper()
	data := filepath.Join(dir, "data")
	for link, to := range map[string]string{
		filepath.Join(data, "planted.log"):         filepath.Join(state, "through-a-link.log"),
		filepath.Join(data, "shop", "planted.CSV"): filepath.Join(state, "master.key"),
	} {
		_ = os.Remove(link)
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(state, "evil.so"), []byte("\x7fELF"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// snapshot lists the files outside the folders that are the server's own.
func snapshot(t *testing.T, state, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	own := []string{"data", "files", "run", "tmp", "mysqld.log", "mysqld.pid", "mysqld.sock", "mysqld.sock.lock"}
	err := filepath.WalkDir(state, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, name := range own {
			if path == filepath.Join(dir, name) {
				if e.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
		}
		if e.IsDir() {
			all[path] = "folder"
			return nil
		}
		text, err := os.ReadFile(path)
		all[path] = e.Type().String() + string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
