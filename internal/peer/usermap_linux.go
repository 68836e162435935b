package peer

import (
	"os"
	"strconv"
	"strings"
	"sync"
)

// overflowUser is the user id that the kernel reports for every user that has none in our
// user namespace. It is ambiguous unless each user has one there: in a rootless container
// many users look like this one.
// Source: user_namespaces(7), "Unmapped user and group IDs"; proc(5).
var overflowUser = sync.OnceValues(func() (id uint32, ambiguous bool) {
	text, err := os.ReadFile("/proc/self/uid_map")
	if err == nil && wholeMap(string(text)) {
		return 0, false
	}
	overflow, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	n, err2 := strconv.ParseUint(strings.TrimSpace(string(overflow)), 10, 32)
	if err != nil || err2 != nil {
		n = 65534 // the kernel's default
	}
	return uint32(n), true
})

// Ambiguous reports whether the kernel may report that user id for several users, those that
// have none in our user namespace.
func Ambiguous(userID uint32) bool {
	id, ambiguous := overflowUser()
	return ambiguous && userID == id
}

// wholeMap reports whether a map of user ids gives every user its own id: 2³²-1 of them,
// since the last number is none.
func wholeMap(text string) bool {
	fields := strings.Fields(text)
	return len(fields) == 3 && fields[0] == "0" && fields[1] == "0" && fields[2] == "4294967295"
}
