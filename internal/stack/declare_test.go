package stack

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/seed"
)

const oneMachine = `
resource-groups:
- name: g
vms:
- name: n1
  resource-group: g
`

// seededStack opens a stack on a fresh state, with the world and what flags say about
// machines.
func seededStack(t *testing.T, world string, settings MetadataSettings) (*Stack, error) {
	t.Helper()
	w, err := seed.Parse("world.yaml", []byte(world))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{
		State: filepath.Join(t.TempDir(), "state"), Control: "127.0.0.1:0", Metadata: "127.0.0.1:0", MySQL: "127.0.0.1:0",
		Backend: "embedded", AdminLogin: OperatorLogin, Seed: w, SeedFile: "world.yaml", MetadataSettings: settings,
	})
	if err == nil {
		t.Cleanup(s.Close)
	}
	return s, err
}

// Flags may name the machines that the seed of the same start makes, by the name alone.
func TestFlagsNameSeededMachines(t *testing.T) {
	s, err := seededStack(t, oneMachine, MetadataSettings{ArcTokens: t.TempDir(), ArcMachine: "n1"})
	if err != nil {
		t.Fatalf("--arc-vm: %v", err)
	}
	if len(s.seeded) != 2 {
		t.Errorf("seeded: %v", s.seeded)
	}
	// The namespace is not there; that the machine is comes first.
	nowhere := filepath.Join(t.TempDir(), "netns")
	_, err = seededStack(t, oneMachine, MetadataSettings{Namespaces: []string{"n1=" + nowhere}})
	if err == nil || !strings.Contains(err.Error(), nowhere) || strings.Contains(err.Error(), "no VM") {
		t.Errorf("--vm-netns: %v", err)
	}
	_, err = seededStack(t, oneMachine, MetadataSettings{Namespaces: []string{"n2=" + nowhere}})
	if midas.CodeOf(err) != midas.NotFound || !strings.Contains(err.Error(), `--vm-netns: there is no VM "n2"`) {
		t.Errorf("a machine that the seed has not: %v", err)
	}
}
