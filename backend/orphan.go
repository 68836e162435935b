//go:build unix

package backend

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/midas-mysql/midas"
)

// evictOrphan ends servers that outlived the midas which started them. The lock is
// ours, so no living midas owns one.
func (c *child) evictOrphan(ctx context.Context) error {
	begin := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	asked := map[int]bool{}
	for {
		var left []int
		for _, pid := range processes() {
			signal := os.Signal(syscall.SIGTERM)
			if time.Since(begin) > stopTimeout {
				signal = syscall.SIGKILL
			} else if asked[pid] {
				signal = syscall.Signal(0)
			}
			if !c.endOrphan(pid, signal) {
				continue
			}
			if !asked[pid] {
				c.log.Warn("ending a backend left over from before", "pid", pid)
			}
			asked[pid] = true
			left = append(left, pid)
		}
		if len(left) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return midas.Errorf(midas.Unavailable, "waiting for the end of processes %v, which serve %s: %w", left, c.data, ctx.Err()).
				WithHint("end them yourself, with kill -9 if need be")
		}
	}
}

// endOrphan signals a process if it is a server of ours, and tells whether it was. The
// handle comes before the look: where the system has handles (Linux 5.4), what is
// signalled is then what was looked at, though its number became another's meanwhile.
func (c *child) endOrphan(pid int, signal os.Signal) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer process.Release()
	return c.isOrphan(pid) && process.Signal(signal) == nil
}

// isOrphan knows a server of ours by its owner, the arguments that a private server
// gets, and the directory that it works in, which is the data's. A number in a file may
// by now be anybody's; arguments alone may be those of a backup, a shell, or a server in
// a container, where the same path is another directory.
func (c *child) isOrphan(pid int) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	var stat unix.Stat_t
	if err := unix.Stat(proc, &stat); err != nil || int(stat.Uid) != os.Geteuid() || pid == os.Getpid() {
		return false
	}
	line, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil {
		return false
	}
	has := func(argument string) bool { return strings.Contains(string(line), "\x00"+argument+"\x00") }
	// Before it was confined, a server had its pid file beside the data.
	before := filepath.Join(c.dir, "mysqld.pid")
	if !has("--datadir="+c.data) || !has("--pid-file="+c.pidFile()) && !has("--pid-file="+before) {
		return false
	}
	works, err := os.Stat(filepath.Join(proc, "cwd"))
	if err != nil {
		return false
	}
	data, err := os.Stat(c.data)
	return err == nil && os.SameFile(works, data)
}

// processes are the numbers of all that run, where the system lists them.
func processes() (pids []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, entry := range entries {
		if pid, err := strconv.Atoi(filepath.Base(entry)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
