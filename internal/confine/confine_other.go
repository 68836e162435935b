//go:build !linux

package confine

import (
	"fmt"
	"os/exec"
	"syscall"
)

// Enter does nothing: no program is confined on this system.
func Enter() {}

func available() []Mechanism { return nil }

func (m Mechanism) command(_ Rules, path string, args []string) (*exec.Cmd, error) {
	if m != None {
		return nil, fmt.Errorf("%s cannot be confined by %s on this system", path, m)
	}
	cmd := exec.Command(path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	return cmd, nil
}
