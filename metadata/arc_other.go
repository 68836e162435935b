//go:build !unix

package metadata

import "os"

// shareWithGroup does nothing: here a folder's permissions are those of its files.
func shareWithGroup(*os.File, string) error { return nil }
