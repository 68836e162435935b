//go:build unix

package backend_test

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/internal/mysqltest"
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

// starting is a folder whose server does not come to be ready: it does what script says.
func starting(t *testing.T, script string) backend.PrivateConfig {
	t.Helper()
	binary := mysqltest.Require(t, mysqltest.MariaDBServer)
	wrapper := filepath.Join(t.TempDir(), "mariadbd")
	text := "#!/bin/sh\ncase \"$*\" in *--datadir=*) ;; *) exec '" + binary + "' \"$@\" ;; esac\n" + script + "\n"
	if err := os.WriteFile(wrapper, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return backend.PrivateConfig{Dir: prepared(t, binary), Binary: wrapper, Password: "x"}
}

// TestLogsOfStartingServersAreBounded: events of the server's administrator run before it is
// ready, and can keep it from being that.
func TestLogsOfStartingServersAreBounded(t *testing.T) {
	defer backend.LookAtLogsEvery(10 * time.Millisecond)()
	cfg := starting(t, "yes 'a line that somebody made it say' | head -c 20000000; exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := backend.Private(ctx, cfg)
		ended <- err
	}()
	log := filepath.Join(cfg.Dir, "mysqld.log")
	eventually(t, "what the last starts said, and this one, is kept in part", func() bool {
		old, oldErr := os.Stat(log + ".old")
		info, err := os.Stat(log)
		return oldErr == nil && err == nil && old.Size() == 8<<20 && info.Size() <= 8<<20
	})
	cancel()
	if err := <-ended; err == nil {
		t.Error("a server that never answered is ready")
	}
}

// TestHintOfFailedStartIsShort: the log is in nobody's memory as a whole.
func TestHintOfFailedStartIsShort(t *testing.T) {
	cfg := starting(t, "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo the reason; exit 1")
	_, err := backend.Private(t.Context(), cfg)
	hint := midas.HintOf(err)
	if err == nil || len(hint) > 32<<10 || !bytes.HasSuffix([]byte(hint), []byte("/ the reason")) {
		t.Errorf("%.200v; a hint of %d bytes ends %q", err, len(hint), hint[max(0, len(hint)-40):])
	}
}
