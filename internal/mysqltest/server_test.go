package mysqltest

import (
	"database/sql"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

func TestServers(t *testing.T) {
	for name, get := range map[string]func(testing.TB) *Server{"mariadb": MariaDB, "mysql": MySQL97} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			s := get(t)
			t.Logf("%s ready in %v", s.Version, time.Since(begin))
			if s.Dialect != name || get(t) != s {
				t.Fatalf("got %s, and another process at the second call: %v", s.Dialect, get(t) != s)
			}
			db, err := sql.Open("mysql", s.DSN)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var user string
			if err := db.QueryRow("SELECT CURRENT_USER()").Scan(&user); err != nil || user != "root@%" {
				t.Errorf("over TCP: %q, %v", user, err)
			}
			if err := s.DB().QueryRow("SELECT CURRENT_USER()").Scan(&user); err != nil || user != "root@localhost" {
				t.Errorf("over the socket: %q, %v", user, err)
			}
			if nobody, err := sql.Open("mysql", "root@unix("+s.Socket+")/"); err == nil {
				defer nobody.Close()
				if err := nobody.Ping(); err == nil {
					t.Error("root gets in without a password")
				}
			}
		})
	}
}

// The server must not outlive a test binary that dies without cleaning up.
func TestServerDiesWithTheTestBinary(t *testing.T) {
	if os.Getenv("MYSQLTEST_DIE") != "" {
		s := MariaDB(t)
		os.Stdout.WriteString("socket " + s.Socket + "\n")
		p, _ := os.FindProcess(os.Getpid())
		_ = p.Kill()
		select {}
	}
	Require(t, MariaDBServer)
	cmd := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithTheTestBinary$")
	cmd.Env = append(os.Environ(), "MYSQLTEST_DIE=1")
	out, _ := cmd.Output()
	_, socket, ok := strings.Cut(string(out), "socket ")
	if !ok {
		t.Fatalf("no server was started: %s", out)
	}
	socket = strings.TrimSpace(socket)
	deadline := time.After(20 * time.Second)
	for tick := time.Tick(10 * time.Millisecond); ; {
		if _, err := os.Stat(socket[:len(socket)-len("/s")]); os.IsNotExist(err) {
			return
		}
		select {
		case <-tick:
		case <-deadline:
			t.Fatalf("%s is still there", socket)
		}
	}
}
