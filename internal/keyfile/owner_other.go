//go:build !unix

package keyfile

import "io/fs"

const noWait = 0

// Elsewhere permission bits say nothing: the directory's access list decides.
func readableByOthers(fs.FileInfo) bool { return false }
func ours(fs.FileInfo) bool             { return true }
func syncDir(string) error              { return nil }
