package statedir

import (
	"strings"

	"github.com/midas-mysql/midas"
)

// serverKeysFile says which version of its key each server has, by unique id. A server that
// is not in it has the first. It holds no key.
const serverKeysFile = "server-keys.json"

// ServerKeyVersion returns the version of the key that a server has, by its unique id.
func ServerKeyVersion(dir, serverID string) (int, error) {
	versions, err := readServerKeys(dir)
	if err != nil {
		return 0, err
	}
	return max(1, versions[strings.ToLower(serverID)]), nil
}

// WriteServerKeyVersion notes the version that a server's key has from now on. One process at
// a time may write: the one that serves the state.
func WriteServerKeyVersion(dir, serverID string, version int) error {
	versions, err := readServerKeys(dir)
	if err != nil {
		return err
	}
	versions[strings.ToLower(serverID)] = version
	return Write(dir, serverKeysFile, versions)
}

func readServerKeys(dir string) (map[string]int, error) {
	versions := map[string]int{}
	err := Read(dir, serverKeysFile, &versions)
	if midas.CodeOf(err) == midas.NotFound {
		return map[string]int{}, nil
	}
	return versions, err
}
