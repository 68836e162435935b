package statedir

import (
	"strings"

	"github.com/midas-mysql/midas"
)

// stoppedFile lists the servers that were stopped on purpose, by unique id: the next midas does
// not start them, either.
const stoppedFile = "stopped-servers.json"

// StoppedServers returns the servers that were stopped, by unique id in lower case.
func StoppedServers(dir string) (map[string]bool, error) {
	stopped := map[string]bool{}
	err := Read(dir, stoppedFile, &stopped)
	if midas.CodeOf(err) == midas.NotFound {
		return map[string]bool{}, nil
	}
	return stopped, err
}

// WriteStoppedServer notes that a server was stopped, or that it is no more. One process at a
// time may write: the one that serves the state.
func WriteStoppedServer(dir, serverID string, stopped bool) error {
	all, err := StoppedServers(dir)
	if err != nil {
		return err
	}
	id := strings.ToLower(serverID)
	if all[id] == stopped {
		return nil
	}
	if all[id] = true; !stopped {
		delete(all, id)
	}
	return Write(dir, stoppedFile, all)
}
