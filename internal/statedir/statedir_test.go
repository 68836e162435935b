package statedir

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
)

func TestStateFilesAreTheirOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	want := Operator{ClientID: "c", ClientSecret: "s", TenantID: "t", SubscriptionID: "u"}
	for range 2 { // the second replaces the first
		if err := WriteOperator(dir, want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadOperator(dir)
	if err != nil || got != want {
		t.Fatalf("got %+v, %v", got, err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, operatorFile): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), mode)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRunningComesAndGoes(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadRunning(dir); midas.CodeOf(err) != midas.NotFound {
		t.Errorf("before: %v", err)
	}
	want := Running{
		Control: "https://127.0.0.1:7443", MySQL: "127.0.0.1:7306", PID: 7,
		Apart: map[string][]string{"two": {"127.0.0.1:7307", "[::1]:7307"}},
	}
	if err := WriteRunning(dir, want); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadRunning(dir); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if one, two := want.MySQLOf("one"), want.MySQLOf("Two"); one != "127.0.0.1:7306" || two != "127.0.0.1:7307" {
		t.Errorf("servers at %s and %s", one, two)
	}
	for range 2 {
		if err := RemoveRunning(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestDamagedStateNamesTheFileAndNotItsContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, operatorFile)
	if err := os.WriteFile(path, []byte(`{"clientSecret": "hunter2", `), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ReadOperator(dir)
	if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}
