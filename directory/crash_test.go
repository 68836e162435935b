package directory

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// crashFile names the directory that a copy of this test program writes to until it
// is killed.
const crashFile = "MIDAS_TEST_CRASH_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashFile); path != "" {
		fmt.Fprintln(os.Stderr, writeForever(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeForever makes identities, puts each on a machine, and says so on standard
// output after the directory has acknowledged it, and never before.
func writeForever(path string) error {
	ctx := context.Background()
	d, err := Open(ctx, Config{Path: path})
	if err != nil {
		return err
	}
	if _, _, err := d.PutGroup(ctx, nil, "rg", "eastus", nil); err != nil {
		return err
	}
	for i := 0; ; i++ {
		m, _, err := d.PutIdentity(ctx, nil, "rg", fmt.Sprintf("identity-%d-%d", os.Getpid(), i), "eastus", nil)
		if err != nil {
			return err
		}
		fmt.Println("identity", m.Name, m.ClientID)
		v, _, err := d.PutVM(ctx, nil, "rg", fmt.Sprintf("vm-%d-%d", os.Getpid(), i), Change{Location: "eastus", Identity: users(m.ID)})
		if err != nil {
			return err
		}
		fmt.Println("vm", v.Name, m.ClientID)
	}
}

func TestSIGKILLLosesNoAcknowledgedWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory.db")
	var acknowledged []string
	const rounds = 5
	for range rounds {
		acknowledged = append(acknowledged, killedWriter(t, path)...)
	}
	d := open(t, path)
	changes, _, err := d.Changes(t.Context(), 1)
	must(t)(err)
	named := map[string]bool{}
	for _, c := range changes {
		named[string(c.Kind)+" "+c.ID] = true
	}
	for _, line := range acknowledged {
		checkAcknowledged(t, d, line)
		if word := strings.Fields(line); word[0] == "vm" && !named["workload "+fold(d.resourceID(vmKind, "rg", word[1]))] {
			t.Errorf("the feed has lost: %s", line)
		}
	}
	var verdict string
	must(t)(d.reader.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&verdict))
	if verdict != "ok" {
		t.Errorf("integrity check: %s", verdict)
	}
	if len(acknowledged) < rounds*2 {
		t.Fatalf("only %d writes were acknowledged, which proves nothing", len(acknowledged))
	}
	t.Logf("%d acknowledged writes survived %d kills", len(acknowledged), rounds)
}

// killedWriter runs a writer, kills it after a random number of acknowledgements at
// whatever it is doing then, and returns everything that it acknowledged.
func killedWriter(t *testing.T, path string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	must(t)(err)
	must(t)(cmd.Start())
	var lines []string
	last := 2 + rand.IntN(60)
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		lines = append(lines, scanner.Text())
		if len(lines) == last {
			must(t)(cmd.Process.Kill()) // what is still in the pipe counts too
		}
	}
	_ = cmd.Wait()
	if len(lines) < last {
		t.Fatalf("the writer stopped by itself: %s", &stderr)
	}
	return lines
}

func checkAcknowledged(t *testing.T, d *Directory, line string) {
	t.Helper()
	word := strings.Fields(line)
	if len(word) != 3 {
		t.Fatalf("line %q", line) // the pipe passes whole lines or none
	}
	switch word[0] {
	case "identity":
		m, err := d.GetIdentity(t.Context(), "rg", word[1])
		if err != nil || m.ClientID != word[2] {
			t.Errorf("lost: %s (%v)", line, err)
		}
	case "vm":
		v, err := d.GetVM(t.Context(), "rg", word[1])
		if err != nil || len(v.UserAssigned) != 1 || v.UserAssigned[0].ClientID != word[2] {
			t.Errorf("lost: %s (%v)", line, err)
		}
	}
}
