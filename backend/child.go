//go:build unix

package backend

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/confine"
)

const (
	// readyTimeout allows for crash recovery; a usual start takes 0.1 to 1 s.
	readyTimeout = 2 * time.Minute
	// stopTimeout allows for flushing; a usual stop takes 1 s.
	stopTimeout = 30 * time.Second
	// steady is how long a server must have run for its death to be the first again.
	steady = time.Minute
	// maxFailures in a row make it likely that the next start fails, too, as on a full disk.
	maxFailures = 8
	// firstPause is how long a server that died waits for its next start. It is half as long
	// again after each further death in a row, up to 1.7 s, and laterPause after more than
	// maxFailures: room on the disk, say, may come back at any time, and nobody restarts it then.
	firstPause = 100 * time.Millisecond
	laterPause = 15 * time.Second
)

// child is the private server's process, supervised until close.
type child struct {
	program   program
	confined  confine.Mechanism
	dir, data string
	secret    string // a folder above dir, which the server cannot read
	socket    string
	password  string
	// parameters are the operator's, as arguments of the program.
	parameters []string
	log        *slog.Logger
	lock       *os.File
	db         *sql.DB

	stopOnce sync.Once
	stop     chan struct{} // closed to end the process
	done     chan struct{} // closed when the process has ended for good
}

func (c *child) close() {
	c.stopOnce.Do(func() { close(c.stop) })
	<-c.done
}

// release gives up what the directory holds for this process.
func (c *child) release() {
	_ = c.lock.Close()
}

// supervise runs the server until stop, again and again with growing pauses if it
// dies. The first outcome, nil or an error, goes to ready, and an error ends it.
func (c *child) supervise(ready chan<- error) {
	// The kernel sends Pdeathsig when the thread that started the child ends, so the
	// thread must live as long as the child does.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.done)
	defer c.release()
	first := true
	for failures := 0; ; {
		begin := time.Now()
		err := c.run(func() {
			if first {
				first = false
				ready <- nil
			}
		})
		if err == nil {
			return
		}
		if first {
			ready <- err
			return
		}
		if time.Since(begin) > steady {
			failures = 0
		}
		failures++
		wait := pauseAfter(failures)
		c.log.Error("backend died; starting it again", "err", err, midas.HintAttr(err), "in", wait.Round(time.Millisecond))
		select {
		case <-time.After(wait):
		case <-c.stop:
			return
		}
	}
}

// pauseAfter is a variable for tests.
var pauseAfter = func(failures int) time.Duration {
	if failures > maxFailures {
		return laterPause
	}
	pause := firstPause
	for range failures - 1 {
		pause += pause / 2
	}
	return pause
}

// run is one life of the server: nil when stop ended it, otherwise how it died.
func (c *child) run(ready func()) error {
	cmd, err := c.startProcess()
	defer os.Remove(c.startFile())
	if err != nil {
		return err
	}
	died := make(chan error, 1)
	go func() { died <- cmd.Wait() }()
	defer c.boundLogFromNowOn()()
	if err := c.answering(died); err != nil {
		_ = cmd.Process.Kill()
		if !errors.Is(err, ErrDied) {
			<-died
		}
		if errors.Is(err, errStopped) {
			return nil
		}
		return midas.Errorf(midas.Unavailable, "%s did not start: %w", c.program.path, err).
			WithHint("its log %s ends: %s", c.logFile(), c.logEnd())
	}
	_ = os.Remove(c.startFile())
	ready()
	if err := c.watch(died); err != nil {
		return err
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-died:
	case <-time.After(stopTimeout):
		c.log.Warn("backend does not stop; killing it", "pid", cmd.Process.Pid)
		_ = cmd.Process.Kill()
		<-died
	}
	return nil
}

// watch returns nil at stop, and how the server died if it did before.
func (c *child) watch(died <-chan error) error {
	select {
	case err := <-died:
		return midas.Errorf(midas.Unavailable, "%s died: %w", c.program.path, ended(err)).WithHint("see %s", c.logFile())
	case <-c.stop:
		return nil
	}
}

// startProcess starts the server with its first statements in a file that it may read, and
// what it says in one that it cannot name.
func (c *child) startProcess() (*exec.Cmd, error) {
	log, err := c.openLog()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if err := replaceFile(c.startFile(), []byte(c.firstStatements())); err != nil {
		return nil, err
	}
	if err := c.makeCertificate(); err != nil {
		return nil, err
	}
	cmd, err := c.command(c.arguments())
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, midas.Errorf(midas.Unavailable, "start %s: %w", c.program.path, err)
	}
	return cmd, nil
}

var errStopped = errors.New("stopped before it was ready")

// answering waits until the service account gets an answer.
func (c *child) answering(died <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	go func() { // a server that hangs lets a question wait for as long as it may
		select {
		case <-c.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case err := <-died:
			return fmt.Errorf("%w: %w", ErrDied, ended(err))
		case <-c.stop:
			return errStopped
		case <-ctx.Done():
			if c.stopping() {
				return errStopped
			}
			return fmt.Errorf("no answer within %v: %w", readyTimeout, err)
		case <-tick.C:
		}
	}
}

func (c *child) stopping() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

func ended(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// arguments keep a server small that serves a workstation or a test environment, and
// never trade away durability.
func (c *child) arguments() []string {
	args := c.common("--datadir="+c.data, "--socket="+c.socket, "--pid-file="+c.pidFile(), "--tmpdir="+c.tmpFolder(),
		"--init-file="+c.startFile(), "--skip-networking", "--skip-name-resolve", "--skip-log-bin",
		"--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=64M", "--innodb-log-buffer-size=2M",
		"--performance-schema=OFF", "--key-buffer-size=64K", "--table-open-cache=400", "--max-connections=1000",
		"--character-set-server=utf8mb4")
	if c.program.dialect == MariaDB {
		// A line for each refused password would let strangers fill the disk. Accounts that set
		// their password over and over must not keep midas from reading mysql.global_priv. And an
		// administrator who made themselves root must not load a plugin that connects elsewhere:
		// Landlock keeps no process from the sockets of other servers (FEDERATED has an option for
		// them). There is nothing in a folder below a file.
		args = append(args, "--max-write-lock-count=1", "--plugin-dir=/dev/null", "--ssl-cert="+c.certificateFile(), "--ssl-key="+c.certificateFile(), "--log-warnings=1", "--skip-symbolic-links", "--aria-pagecache-buffer-size=1M", "--query-cache-type=0", "--query-cache-size=0")
	} else {
		// For users that do not exist it pretends to have a plugin, and warns of that one.
		args = append(args, "--mysqlx=0", "--log-error-suppression-list=MY-013360")
	}
	return append(args, c.parameters...)
}
