package directory

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

// Compile-time proof that the directory is what the other parts ask for.
var _ interface {
	WorkloadByVMID(context.Context, string) (midas.Workload, error)
	WorkloadByID(context.Context, string) (midas.Workload, error)
	Servers(context.Context) ([]midas.Server, error)
	Server(context.Context, string) (midas.Server, error)
	ObjectByID(context.Context, string) (midas.DirectoryObject, error)
	ObjectByName(context.Context, string) (midas.DirectoryObject, error)
	CheckSecret(context.Context, string, string) (midas.Identity, error)
	IsOwner(context.Context, string) (bool, error)
	Allowed(ctx context.Context, principalID, action, scope string) (bool, error)
} = (*Directory)(nil)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *Directory {
	t.Helper()
	d, err := Open(t.Context(), Config{Path: path, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// fresh is a directory with the groups "rg" and "other".
func fresh(t *testing.T) *Directory {
	t.Helper()
	d := open(t, filepath.Join(t.TempDir(), "directory.db"))
	for _, name := range []string{"rg", "other"} {
		must(t)(ignore(d.PutGroup(t.Context(), nil, name, "eastus", nil)))
	}
	return d
}

func ignore[A, B any](_ A, _ B, err error) error { return err }

func must(t *testing.T) func(error) {
	return func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func wantCode(t *testing.T, err error, want midas.Code) {
	t.Helper()
	if err == nil || midas.CodeOf(err) != want {
		t.Fatalf("got error %v (%s), want %s", err, midas.CodeOf(err), want)
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state dir?%20", "directory.db")
	d := open(t, path)
	tenant, subscription := d.Tenant()
	if tenant == "" || subscription == "" || tenant == subscription {
		t.Fatalf("tenant %q, subscription %q", tenant, subscription)
	}
	must(t)(ignore(d.PutGroup(t.Context(), nil, "rg", "East US", map[string]string{"a": "b"})))
	must(t)(d.Close())

	d = open(t, path)
	if gotTenant, gotSubscription := d.Tenant(); gotTenant != tenant || gotSubscription != subscription {
		t.Error("reopening changed the tenant")
	}
	g, err := d.GetGroup(t.Context(), "RG")
	must(t)(err)
	if g.Location != "eastus" || g.Tags["a"] != "b" || !g.Created.Equal(noon) || g.Name != "rg" {
		t.Errorf("got %+v", g)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	must(t)(os.WriteFile(path, nil, 0o666))
	d := open(t, path)
	must(t)(ignore(d.PutGroup(t.Context(), nil, "rg", "eastus", nil)))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		must(t)(err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %#o", info.Name(), info.Mode().Perm())
		}
	}
}

func TestEachCommitReachesTheDisk(t *testing.T) {
	d := fresh(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		must(t)(d.writer.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Run("schema of a newer midas", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "directory.db")
		d := open(t, path)
		_, err := d.writer.ExecContext(t.Context(), `PRAGMA user_version = 999`)
		must(t)(err)
		must(t)(d.Close())
		_, err = Open(t.Context(), Config{Path: path})
		wantCode(t, err, midas.Invalid)
	})
	t.Run("not a database", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "directory.db")
		must(t)(os.WriteFile(path, []byte("this is no database, and long enough to say so"), 0o600))
		if _, err := Open(t.Context(), Config{Path: path}); err == nil {
			t.Fatal("opened")
		}
	})
	t.Run("a directory in its place", func(t *testing.T) {
		_, err := Open(t.Context(), Config{Path: t.TempDir()})
		wantCode(t, err, midas.Unavailable)
	})
}

// Two processes on one machine may share a directory; here, two handles.
func TestConcurrentUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	handles := []*Directory{open(t, path), open(t, path)}
	must(t)(ignore(handles[0].PutGroup(t.Context(), nil, "rg", "eastus", nil)))
	var wg sync.WaitGroup
	for i := range 8 {
		d := handles[i%2]
		wg.Go(func() {
			for j := range 5 {
				if _, _, err := d.PutIdentity(t.Context(), nil, "rg", fmt.Sprintf("identity-%d-%d", i, j), "eastus", nil); err != nil {
					t.Error(err)
				}
				if _, err := d.ListIdentities(t.Context(), "rg"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, err := handles[1].ListIdentities(t.Context(), "rg")
	if must(t)(err); len(list) != 40 {
		t.Errorf("%d identities, want 40", len(list))
	}
}

func BenchmarkWorkloadByVMID(b *testing.B) {
	d, err := Open(b.Context(), Config{Path: filepath.Join(b.TempDir(), "directory.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if _, _, err := d.PutGroup(b.Context(), nil, "rg", "eastus", nil); err != nil {
		b.Fatal(err)
	}
	v, _, err := d.PutVM(b.Context(), nil, "rg", "vm", Change{Location: "eastus", Identity: &IdentityPatch{Type: "SystemAssigned"}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.WorkloadByVMID(b.Context(), v.VMID); err != nil {
			b.Fatal(err)
		}
	}
}
