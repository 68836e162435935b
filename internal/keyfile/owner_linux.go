package keyfile

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// hasAccessList reports whether a file has entries beside owner, group and others, or
// whether that cannot be told.
func hasAccessList(path string) bool {
	n, err := syscall.Getxattr(path, "system.posix_acl_access", nil)
	return n > 0 || err != nil && err != syscall.ENODATA && err != syscall.EOPNOTSUPP
}

// overflowUser is the number by which the kernel tells users that have none in our user
// namespace; it is ambiguous unless root is
// root there, too.
// Source: user_namespaces(7), "Unmapped user and group IDs".
var overflowUser = sync.OnceValues(func() (id uint32, ambiguous bool) {
	table, err := os.ReadFile("/proc/self/uid_map")
	if err == nil {
		for line := range strings.Lines(string(table)) {
			if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "0" && fields[1] == "0" {
				return 0, false
			}
		}
	}
	text, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	n, parseErr := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || parseErr != nil {
		n = 65534 // the kernel's default
	}
	return uint32(n), true
})
