package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/midas-mysql/midas/connector"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/mysqltest"
)

// TestKilledDuringWrites_slow kills midas with SIGKILL while identities, accounts and rows
// are written through it, and wants back, after a new start, all that was acknowledged.
func TestKilledDuringWrites_slow(t *testing.T) {
	mysqltest.Require(t, mysqltest.MariaDBServer)
	clearEnvironment(t)
	w := &crashWorld{T: t, state: filepath.Join(t.TempDir(), "state"), acknowledged: map[string][]string{}}
	w.start()
	w.prepare()
	for round := range 3 {
		w.writeUntilKilled(round)
		w.start()
		w.check()
	}
	// The mappings of all accounts are in the copy, too.
	db := w.db()
	_, err := db.ExecContext(t.Context(), "/* "+strings.Repeat("unseen ", 500)+"*/ DROP DATABASE midas")
	for deadline := time.Now().Add(20 * time.Second); err == nil && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if _, missing := db.ExecContext(t.Context(), "DO (SELECT COUNT(*) FROM midas.aaduser)"); missing == nil {
			break
		}
	}
	w.must(err)
	w.check()
	if err := w.up.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

type crashWorld struct {
	*testing.T
	state string
	up    *upProcess
	cli   *cli

	mu           sync.Mutex
	acknowledged map[string][]string // by kind: identity ids, user names, row numbers
}

const crashGroup = "/resourceGroups/crash"

func (w *crashWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *crashWorld) start() {
	w.Helper()
	var err error
	w.up, err = startUp(w.TempDir(), []string{"PATH=/usr/bin:/bin", "HOME=" + w.TempDir()}, "--state", w.state, "--backend", "mysqld",
		"--control=127.0.0.1:0", "--metadata=127.0.0.1:0", "--mysql=127.0.0.1:0", "--ops=127.0.0.1:0")
	w.must(err)
	w.cli = newCLI(nil, io.Discard, io.Discard)
	w.cli.StateDir = w.state
}

func (w *crashWorld) arm() *armclient.Client {
	w.Helper()
	a, err := w.cli.Client()
	w.must(err)
	return a
}

// db is signed in as the administrator.
func (w *crashWorld) db() *sql.DB {
	w.Helper()
	credential, _, err := w.cli.Credential("")
	w.must(err)
	cfg, err := w.cli.connectConfig(w.Context(), connection{}, false)
	w.must(err)
	c, err := connector.New(cfg, connector.WithCredential(credential))
	w.must(err)
	db := sql.OpenDB(c)
	w.Cleanup(func() { db.Close() })
	return db
}

func (w *crashWorld) prepare() {
	w.Helper()
	a, location := w.arm(), map[string]any{"location": "eastus"}
	w.must(a.Exchange(w.Context(), http.MethodPut, crashGroup, location, nil))
	w.must(a.Exchange(w.Context(), http.MethodPut, crashGroup+"/providers/Microsoft.DBforMySQL/flexibleServers/mydb", location, nil))
	db := w.db()
	for _, statement := range []string{"CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY)"} {
		_, err := db.ExecContext(w.Context(), statement)
		w.must(err)
	}
}

// writeUntilKilled writes with one writer of each kind, and kills midas when as many
// writes as the round wants have been acknowledged, of each kind one at least, in the midst of
// the next ones.
func (w *crashWorld) writeUntilKilled(round int) {
	w.Helper()
	a, db := w.arm(), w.db()
	users, err := db.Conn(w.Context()) // SET holds for one connection
	w.must(err)
	defer users.Close()
	_, err = users.ExecContext(w.Context(), "SET aad_auth_validate_oids_in_tenant = OFF")
	w.must(err)

	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	done, kinds := 0, map[string]bool{}
	enough := make(chan struct{})
	reached := sync.OnceFunc(func() { close(enough) })
	var writers sync.WaitGroup
	writer := func(kind string, write func(n int) (string, error)) {
		writers.Go(func() {
			for n := round * 1_000_000; ctx.Err() == nil; n++ {
				key, err := write(n)
				if err != nil {
					return // killed
				}
				w.mu.Lock()
				w.acknowledged[kind] = append(w.acknowledged[kind], key)
				done++
				kinds[kind] = true
				if done >= 20+30*round && len(kinds) == 3 {
					reached()
				}
				w.mu.Unlock()
			}
		})
	}
	writer("identity", func(n int) (string, error) {
		var made struct{ Properties struct{ ClientID string } }
		path := fmt.Sprintf("%s/providers/Microsoft.ManagedIdentity/userAssignedIdentities/identity-%d", crashGroup, n)
		err := a.Exchange(ctx, http.MethodPut, path, map[string]any{"location": "eastus"}, &made)
		return made.Properties.ClientID, err
	})
	writer("user", func(n int) (string, error) {
		user := fmt.Sprintf("user%d", n)
		_, err := users.ExecContext(ctx, fmt.Sprintf("CREATE AADUSER '%s' IDENTIFIED BY '%08d-1111-1111-1111-111111111111'", user, n))
		return user, err
	})
	writer("row", func(n int) (string, error) {
		_, err := db.ExecContext(ctx, "INSERT INTO shop.orders VALUES (?)", n)
		return fmt.Sprint(n), err
	})
	<-enough
	w.must(w.up.end(syscall.SIGKILL))
	cancel()
	writers.Wait()
}

func (w *crashWorld) check() {
	w.Helper()
	there := map[string][]string{}
	all, err := w.arm().List(w.Context(), armclient.Identities.Collection(w.arm().Operator.SubscriptionID, "crash"))
	w.must(err)
	for _, identity := range all {
		there["identity"] = append(there["identity"], armclient.Text(identity, "properties", "clientId"))
	}
	db := w.db()
	for kind, query := range map[string]string{
		// A user without its mapping could never sign in.
		"user": "SELECT m.user FROM midas.aaduser m JOIN mysql.user u ON u.User = m.user AND u.Host = m.host",
		"row":  "SELECT id FROM shop.orders",
	} {
		rows, err := db.QueryContext(w.Context(), query)
		w.must(err)
		defer rows.Close()
		for rows.Next() {
			var key string
			w.must(rows.Scan(&key))
			there[kind] = append(there[kind], key)
		}
		w.must(rows.Err())
	}
	for kind, keys := range w.acknowledged {
		slices.Sort(there[kind])
		for _, key := range keys {
			if _, found := slices.BinarySearch(there[kind], key); !found {
				w.Errorf("%s %s was acknowledged and is gone", kind, key)
			}
		}
		w.Logf("%s: %d acknowledged, %d there", kind, len(keys), len(there[kind]))
	}
}
