//go:build unix

package stack

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/statedirtest"
)

func TestUpRefusesAPlantedState(t *testing.T) {
	statedirtest.NeedRoot(t)
	for _, name := range []string{
		"directory.db", "directory.db-wal", "directory.db-shm", "issuer/", "issuer/keys.json", "ca/", "ca/ca.pem", "ca/ca.key",
		"ca-azure/", "operator.json", "up.json", "login.json", "login-ca.pem", "login-tokens.json", "master.key", "lock",
		"backend/", "backend/data/", "client/", "client/ca-bundle.pem", "client/az-cloud/", "accounts/", "accounts/1.json",
	} {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			state := t.TempDir()
			path := statedirtest.Plant(t, state, name)
			s, err := Open(t.Context(), trial(state, false, nil))
			if err == nil {
				s.Close()
				t.Fatalf("%s was adopted", path)
			}
			if !strings.Contains(err.Error(), path+" ") || !strings.Contains(err.Error(), "user id 12345") || !strings.Contains(err.Error(), "chown") {
				t.Errorf("%v; want the path, its owner, and what to do", err)
			}
			if all, _ := os.ReadDir(state); len(all) != 1 {
				t.Errorf("the state holds %v: something was made beside what was planted", all)
			}
		})
	}
}

func TestUpRefusesAPlantedStateDirectory(t *testing.T) {
	statedirtest.NeedRoot(t)
	base := t.TempDir()
	open := filepath.Join(base, "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777), os.Mkdir(open+"/state", 0o700)); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(base, "link")
	if err := errors.Join(os.Mkdir(base+"/ours", 0o700), os.Symlink("ours", link), os.Lchown(link, statedirtest.Stranger, statedirtest.Stranger)); err != nil {
		t.Fatal(err)
	}
	for state, says := range map[string]string{
		statedirtest.Plant(t, base, "theirs/"): "user id 12345", open + "/state": open + " is not its owner's alone: it has mode 0777", link: "user id 12345",
	} {
		s, err := Open(t.Context(), trial(state, false, nil))
		if err == nil {
			s.Close()
			t.Errorf("%s was adopted", state)
			continue
		}
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %q", err, says)
		}
	}
	// A machine without other users may say so; what is in the state is looked at all the same.
	s, err := Open(t.Context(), trial(open+"/state", true, nil))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	statedirtest.Plant(t, open+"/state", "operator.json")
	if s, err = Open(t.Context(), trial(open+"/state", true, nil)); err == nil {
		s.Close()
		t.Error("what was planted in a shared state was adopted")
	}
}

func TestUpMendsAStateThatOthersCouldWriteTo(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	if err := errors.Join(os.Mkdir(state, 0o700), os.Mkdir(state+"/ca", 0o700), os.Chmod(state+"/ca", 0o777), os.Chmod(state, 0o777)); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := Open(t.Context(), trial(state, false, slog.New(slog.NewTextHandler(&log, nil))))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, dir := range []string{state, state + "/ca"} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %v, %v", dir, info.Mode(), err)
		}
		if !strings.Contains(log.String(), fmt.Sprintf(`"%s had mode 0777"`, dir)) {
			t.Errorf("nothing is said of %s:\n%s", dir, &log)
		}
	}
}
