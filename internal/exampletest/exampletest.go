// Package exampletest gives an Example what a test gets from its testing.T: a folder, and
// what is to be undone at the end. It owns no assertions: a failure panics, by which the
// Example fails.
package exampletest

import (
	"log"
	"os"
	"slices"
	"testing"
)

// Run runs a test inside an Example.
func Run(test func(testing.TB)) {
	tb, end := New()
	defer end()
	test(tb)
}

// New returns a testing.TB and what ends it.
func New() (testing.TB, func()) {
	tb := &exampleTB{}
	return tb, tb.end
}

// exampleTB has those methods of testing.TB that a part of midas calls; others panic.
type exampleTB struct {
	testing.TB
	cleanups []func()
}

func (t *exampleTB) Helper()                      {}
func (t *exampleTB) Cleanup(f func())             { t.cleanups = append(t.cleanups, f) }
func (t *exampleTB) Fatal(args ...any)            { log.Panic(args...) }
func (t *exampleTB) Fatalf(f string, args ...any) { log.Panicf(f, args...) }
func (t *exampleTB) Errorf(f string, args ...any) { log.Panicf(f, args...) }

func (t *exampleTB) TempDir() string {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Panic(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (t *exampleTB) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}
