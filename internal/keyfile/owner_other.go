//go:build !unix

package keyfile

import "io/fs"

const noWait = 0

// Elsewhere permission bits say nothing: the directory's access list decides.
func readableByOthers(fs.FileInfo) bool         { return false }
func writableByOthers(string, fs.FileInfo) bool { return false }
func enteredByOthers(fs.FileInfo) bool          { return false }
func ours(fs.FileInfo) bool                     { return true }
func mine(fs.FileInfo) bool                     { return true }
func unknownOwner(fs.FileInfo) bool             { return false }
func owner(fs.FileInfo) string                  { return "another user" }
func self() string                              { return "this one" }
func syncDir(string) error                      { return nil }
