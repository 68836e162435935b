//go:build unix

package backend_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/midas-mysql/midas/backend"
)

// TestRefusedPasswordsFillNoLog: strangers may be refused as often as they like.
func TestRefusedPasswordsFillNoLog(t *testing.T) {
	programs(t, func(t *testing.T, binary string) {
		dir := prepared(t, binary)
		b := open(t, dir, binary)
		run(t, b.DB(), "CREATE USER 'app'@'%' IDENTIFIED BY 'Own-secret-1'")
		size := func() int64 {
			t.Helper()
			info, err := os.Stat(filepath.Join(dir, "mysqld.log"))
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		before := size()
		for _, user := range []string{"app", "nobody"} {
			db, err := sql.Open("mysql", user+":wrong@unix("+filepath.Join(dir, "run", "mysqld.sock")+")/")
			if err != nil {
				t.Fatal(err)
			}
			for range 200 {
				if err := db.Ping(); err == nil {
					t.Fatal("a wrong password is taken")
				}
			}
			_ = db.Close()
		}
		if grown := size() - before; grown > 2000 {
			t.Errorf("400 wrong passwords wrote %d bytes", grown)
		}
	})
}

// TestLogsOfRunningServersAreBounded: whatever they are made to say.
func TestLogsOfRunningServersAreBounded(t *testing.T) {
	defer backend.LookAtLogsEvery(10 * time.Millisecond)()
	programs(t, func(t *testing.T, binary string) {
		dir := prepared(t, binary)
		b := open(t, dir, binary)
		log := filepath.Join(dir, "mysqld.log")
		said, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer said.Close()
		line := []byte("a line that somebody made it say\n")
		for range 10 << 20 / len(line) {
			if _, err := said.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "the log is short again", func() bool {
			info, err := os.Stat(log)
			return err == nil && info.Size() < 4<<20
		})
		if old, err := os.ReadFile(log + ".old"); err != nil || len(old) != 8<<20 || !bytes.Contains(old, line) {
			t.Errorf("%d bytes are kept, %v", len(old), err)
		}
		_ = b.Close() // of which the server says something
		if text, err := os.ReadFile(log); err != nil || bytes.IndexByte(text, 0) >= 0 || !bytes.Contains(bytes.ToLower(text), []byte("shutdown")) {
			t.Errorf("in the end: %.300s, %v", text, err)
		}
	})
}
