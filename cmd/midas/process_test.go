package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// upProcess is a `midas up` in a process of its own.
type upProcess struct {
	cmd    *exec.Cmd
	output sync.WaitGroup

	mu   sync.Mutex
	said bytes.Buffer
}

// startUp starts one and returns when it says that it is up.
func startUp(dir string, environ []string, args ...string) (*upProcess, error) {
	p := &upProcess{cmd: exec.Command("midas", append([]string{"up"}, args...)...)}
	p.cmd.Dir, p.cmd.Env = dir, environ
	p.cmd.SysProcAttr = diesWithTest()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	p.output.Go(func() {
		announced := sync.OnceFunc(func() { close(ready) })
		defer announced()
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(p, lines.Text())
			if lines.Text() == upSaid {
				announced()
			}
		}
	})
	<-ready
	if !strings.Contains(p.text(), upSaid) {
		return nil, fmt.Errorf("midas up ended: %w\n%s", p.wait(), p.text())
	}
	return p, nil
}

// Write takes what the process says.
func (p *upProcess) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(text)
}

func (p *upProcess) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

func (p *upProcess) wait() error {
	p.output.Wait()
	return p.cmd.Wait()
}

// end sends a signal and waits. After SIGTERM it wants an orderly end.
func (p *upProcess) end(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return err
	}
	err := p.wait()
	var ended *exec.ExitError
	if signal == syscall.SIGKILL && errors.As(err, &ended) && ended.ExitCode() == -1 {
		return nil
	}
	if err != nil || !strings.HasSuffix(p.text(), "midas is down\n") {
		return fmt.Errorf("midas up after signal %d: %w\n%s", signal, err, p.text())
	}
	return nil
}
