package stack

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/midas-mysql/midas/internal/mysqltest"
)

// TestKeysOfOthersAreChangedThoughABackendHangs: those who may change the key of a server whose
// backend does not answer must not keep others from changing theirs.
func TestKeysOfOthersAreChangedThoughABackendHangs(t *testing.T) {
	other := mysqltest.Fresh(t, "mysql")
	w, _ := declaredWorld(t, ServerSettings{Name: "hangs", Backend: &ExternalBackend{URL: other.URL}, Listen: []string{"127.0.0.1:0"}})
	first, err := w.made("first")
	w.must(err)
	hangs, err := w.made("hangs")
	w.must(err)
	w.store(hangs)
	behind, err := w.bindings.Backend(t.Context(), hangs)
	w.must(err)
	for range behind.DB().Stats().MaxOpenConnections {
		conn, err := behind.DB().Conn(t.Context())
		w.must(err)
		defer conn.Close()
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _, _ = restoring{w.Stack}.RotateServerKey(ctx, hangs) }()
	defer func() { stop(); <-ended }()
	for behind.DB().Stats().WaitCount == 0 { // until it waits
		runtime.Gosched()
	}
	changed := make(chan error, 1)
	go func() { _, err := restoring{w.Stack}.RotateServerKey(t.Context(), first); changed <- err }()
	select {
	case err := <-changed:
		w.must(err)
	case <-time.After(5 * time.Second):
		t.Error("the key of another server is not changed")
		stop()
		<-changed
	}
}
