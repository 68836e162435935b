package bench

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

// world is a MySQL 9.7 with `midas up` in front, as a process of its own.
type world struct {
	server  *mysqltest.Server
	state   string
	gateway string // host:port
	roots   *x509.CertPool
	token   string
}

const (
	nativeUser     = "bench_native"
	nativePassword = "Bench-native-1"
)

func newWorld(b *testing.B) *world {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	w := &world{server: mysqltest.Fresh(b, "mysql"), state: b.TempDir()}
	for _, statement := range []string{
		"CREATE DATABASE bench", "CREATE TABLE bench.t (id INT PRIMARY KEY, pad CHAR(60) NOT NULL)",
		"INSERT INTO bench.t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i, REPEAT('x', 60) FROM n",
		"CREATE USER " + nativeUser + " IDENTIFIED BY '" + nativePassword + "' REQUIRE SSL", "GRANT SELECT ON bench.* TO " + nativeUser,
	} {
		_, err := w.server.DB().Exec(statement)
		must(err)
	}
	must(w.up(b))
	w.midas(b, "group", "create", "-n", "g", "-l", "eastus")
	w.midas(b, "mysql", "flexible-server", "create", "-g", "g", "-n", "mydb")
	w.midas(b, "identity", "create", "-g", "g", "-n", "bench")
	w.midas(b, "vm", "create", "-g", "g", "-n", "vm", "--assign-identity", "bench")
	w.midas(b, "connect", "-e", "CREATE AADUSER 'bench'; GRANT SELECT ON bench.* TO bench")
	authority, err := os.ReadFile(strings.TrimSpace(w.midas(b, "ca", "--path")))
	must(err)
	w.roots = x509.NewCertPool()
	w.roots.AppendCertsFromPEM(authority)
	client := strings.TrimSpace(w.midas(b, "identity", "show", "-g", "g", "-n", "bench", "--query", "clientId", "-o", "tsv"))
	w.token = strings.TrimSpace(w.midas(b, "vm", "run", "vm", "--", binary(b), "token", "--client-id", client))
	return w
}

// binary is what `make build` made.
func binary(b *testing.B) string {
	b.Helper()
	path, err := filepath.Abs("../../bin/midas")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		b.Fatalf("%v: run make build first, or make bench", err)
	}
	return path
}

func (w *world) up(b *testing.B) error {
	cmd := exec.Command(binary(b), "up", "--state", w.state, "--backend", w.server.URL,
		"--control=127.0.0.1:0", "--metadata=127.0.0.1:0", "--mysql=127.0.0.1:0", "--ops=")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = diesWithTest()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			break
		}
	}
	text, err := os.ReadFile(filepath.Join(w.state, "up.json"))
	if err != nil {
		return err
	}
	var running struct{ MySQL string }
	err = json.Unmarshal(text, &running)
	w.gateway = running.MySQL
	return err
}

func (w *world) midas(b *testing.B, args ...string) string {
	b.Helper()
	cmd := exec.Command(binary(b), args...)
	cmd.Env = append(os.Environ(), "MIDAS_STATE="+w.state)
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("midas %s: %v\n%s", strings.Join(args, " "), err, &failed)
	}
	return string(out)
}

// target is one of the two that are compared.
type target struct {
	name   string
	config func() *mysql.Config
}

func (w *world) targets() []target {
	common := func(address, user, password string, config *tls.Config) *mysql.Config {
		c := mysql.NewConfig()
		c.Net, c.Addr, c.User, c.Passwd, c.DBName, c.TLS = "tcp", address, user, password, "bench", config
		c.Logger = &mysql.NopLogger{}
		return c
	}
	return []target{
		{"direct", func() *mysql.Config {
			return common(w.server.Addr, nativeUser, nativePassword, &tls.Config{InsecureSkipVerify: true})
		}},
		{"midas", func() *mysql.Config {
			return common(w.gateway, "bench", w.token, &tls.Config{RootCAs: w.roots, ServerName: "mydb"})
		}},
	}
}

const (
	rounds   = 5
	perRound = time.Second
)

// compare runs one kind of work on both targets in turn and reports the median rate of
// each, and their ratio: what of the direct connection's rate is left.
func (w *world) compare(b *testing.B, workers int, work func(c *mysql.Config) (one func() error, end func(), err error)) {
	b.Helper()
	rates := map[string][]float64{}
	for range rounds {
		for _, t := range w.targets() {
			rate, err := measure(workers, func() (func() error, func(), error) { return work(t.config()) })
			if err != nil {
				b.Fatalf("%s: %v", t.name, err)
			}
			rates[t.name] = append(rates[t.name], rate)
		}
	}
	direct, midas := median(rates["direct"]), median(rates["midas"])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(direct, "direct/s")
	b.ReportMetric(midas, "midas/s")
	b.ReportMetric(midas/direct, "of-direct")
}

func measure(workers int, work func() (func() error, func(), error)) (rate float64, err error) {
	var done atomic.Int64
	var failed atomic.Value
	var running sync.WaitGroup
	start := make(chan time.Time)
	for range workers {
		one, end, err := work()
		if err != nil {
			return 0, err
		}
		running.Go(func() {
			defer end()
			for until := (<-start).Add(perRound); time.Now().Before(until); {
				if err := one(); err != nil {
					failed.Store(err)
					return
				}
				done.Add(1)
			}
		})
	}
	began := time.Now()
	for range workers {
		start <- began
	}
	running.Wait()
	if err, ok := failed.Load().(error); ok {
		return 0, err
	}
	return float64(done.Load()) / time.Since(began).Seconds(), nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// open is a pool of one connection.
func open(c *mysql.Config) (*sql.DB, error) {
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, db.Ping()
}

var clients = []int{1, 16, 64}

func name(workers int) string { return fmt.Sprintf("clients=%d", workers) }
