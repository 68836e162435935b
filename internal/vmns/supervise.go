package vmns

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/midas-mysql/midas"
)

// stopGrace is how long a command may take to end after SIGTERM when the context is
// cancelled, before it is killed.
const stopGrace = 5 * time.Second

func attach(cmd *exec.Cmd, cfg Config) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = cfg.Stdin, cfg.Stdout, cfg.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
}

// catchSignals begins to collect the signals for the command. It comes before the
// command starts: one that arrives in between must neither be lost nor end us.
func catchSignals() chan os.Signal {
	signals := make(chan os.Signal, 8)
	for _, s := range forwarded {
		if !signal.Ignored(s) { // nohup stays nohup
			signal.Notify(signals, s)
		}
	}
	return signals
}

// supervise passes signals on to the started command and returns its exit status:
// 128+n when signal n ended it, as shells say it.
func supervise(cmd *exec.Cmd, signals <-chan os.Signal) (int, error) {
	done := make(chan struct{})
	relayed := make(chan struct{})
	go func() {
		defer close(relayed)
		for {
			select {
			case s := <-signals:
				if !fromTerminal(s) {
					_ = cmd.Process.Signal(s) // it may have ended meanwhile
				}
			case <-done:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(done)
	<-relayed
	if cmd.ProcessState == nil {
		return 0, midas.Errorf(midas.Internal, "wait for %s: %w", cmd.Args[0], err)
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// startFailure turns the failure to start a command into a shell's exit status and
// an error that says why.
func startFailure(err error) (int, error) {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return exitNotFound, midas.Errorf(midas.NotFound, "run command: %w", err)
	}
	return exitNotExecutable, midas.Errorf(midas.Invalid, "run command: %w", err)
}

// lookPath finds name in the PATH of env, which is not this process's environment.
func lookPath(name string, env []string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		return exec.LookPath(name)
	}
	var path string
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(found) {
			return found, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}
