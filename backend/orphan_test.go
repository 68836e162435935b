//go:build linux

package backend_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

// A stopped server cannot follow the signal of its parent's death, so the next start
// finds it alive and has to end it.
func TestPrivateEndsALeftOverServer(t *testing.T) {
	programs(t, func(t *testing.T, binary string) {
		dir := prepared(t, binary)
		args := []string{
			"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--socket=" + filepath.Join(dir, "left.sock"),
			"--pid-file=" + filepath.Join(dir, "mysqld.pid"), "--skip-networking", "--log-error=" + filepath.Join(dir, "left.log"),
		}
		if binary == mysqltest.Find(mysqltest.MySQLServer) {
			args = append(args, "--innodb-redo-log-capacity=32M", "--mysqlx=0")
		} else {
			args = append(args, "--innodb-log-file-size=16M")
		}
		if os.Geteuid() == 0 {
			args = append(args, "--user=root")
		}
		left := exec.Command(binary, args...)
		if err := left.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = left.Process.Kill() })
		ended := make(chan error, 1)
		go func() { ended <- left.Wait() }()
		// Not before it greets: MariaDB hangs when it is told to end while it begins to listen.
		eventually(t, "the left-over server greets", func() bool {
			conn, err := net.Dial("unix", filepath.Join(dir, "left.sock"))
			if err != nil {
				return false
			}
			defer conn.Close()
			_, err = conn.Read(make([]byte, 1))
			return err == nil
		})
		open(t, dir, binary)
		if err := <-ended; err != nil {
			t.Errorf("the left-over server ended badly: %v", err)
		}
	})
}

// TestPrivateLeavesOthersProcessesAlone: what looks like a left-over server and is none is
// neither ended nor waited for.
func TestPrivateLeavesOthersProcessesAlone(t *testing.T) {
	binary := mysqltest.Require(t, mysqltest.MariaDBServer)
	dir := prepared(t, binary)
	data := filepath.Join(dir, "data")
	datadir, pidFile := "--datadir="+data, "--pid-file="+filepath.Join(dir, "mysqld.pid")
	check := func(what string, uid int, cwd string, args ...string) (after func()) {
		// It ends with 7 when its input does, so never of a signal.
		cmd := exec.Command("sh", append([]string{"-c", "read line; exit 7", "mariadbd"}, args...)...)
		cmd.Dir = cwd
		if uid != os.Geteuid() {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		}
		input, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return func() {
			_ = input.Close()
			if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
				t.Errorf("%s was ended: %v", what, cmd.ProcessState)
			}
		}
	}
	defer check("a server of another directory that has the same name, as in a container", os.Geteuid(), t.TempDir(), datadir, pidFile)()
	defer check("a backup", os.Geteuid(), data, datadir, "--backup")()
	defer check("a server of data whose name is longer", os.Geteuid(), data, datadir+"2", pidFile)()
	if os.Geteuid() == 0 { // only root can start a process of somebody else's
		defer check("a process of somebody else's", 12345, "/", datadir, pidFile)()
	}
	open(t, dir, binary)
}
