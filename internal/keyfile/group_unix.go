//go:build unix

package keyfile

import (
	"os"
	"strconv"
	"strings"
)

// privateGroup reports whether a user is the only one in a group: systems that give each
// user a group of their own let it write to everything that the user makes (umask 002).
// What the local files do not tell, such as a group in a directory service, is not private.
func privateGroup(uid, gid uint32) bool {
	name, alone := "", true
	lines("/etc/passwd", func(fields []string) { // name:password:uid:gid:…
		if len(fields) < 4 {
			return
		}
		isOwner := fields[2] == strconv.FormatUint(uint64(uid), 10)
		if isOwner && name == "" {
			name = fields[0]
		}
		if fields[3] == strconv.FormatUint(uint64(gid), 10) && !isOwner {
			alone = false
		}
	})
	if name == "" || !alone {
		return false
	}
	known := false
	lines("/etc/group", func(fields []string) { // name:password:gid:member,member
		if len(fields) < 4 || fields[2] != strconv.FormatUint(uint64(gid), 10) {
			return
		}
		known = true
		for member := range strings.SplitSeq(fields[3], ",") {
			alone = alone && (member == "" || member == name)
		}
	})
	return known && alone
}

// lines reads a file of colon-separated lines.
func lines(path string, each func(fields []string)) {
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		each(strings.Split(strings.TrimSuffix(line, "\n"), ":"))
	}
}
