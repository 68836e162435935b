package main

import (
	"bytes"
	"strings"
	"testing"
)

// ran runs the program and returns its exit code and what it printed.
func ran(t *testing.T, state string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = program{append([]string{"--state", state}, args...), strings.NewReader(""), &out, &problems}.Run(t.Context())
	return code, out.String(), problems.String()
}
