//go:build !unix

package connections

// descriptors stands for a limit where the system has none.
func descriptors() uint64 { return 16 << 10 }
