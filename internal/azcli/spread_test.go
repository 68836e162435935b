package azcli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"one value", "vm identity assign --identities A -g G", "vm identity assign --identities=A -g G"},
		{"several values, then a flag", "--identities A B C --name N", "--identities=A --identities=B --identities=C --name N"},
		{"none stands for the VM's own", "--assign-identity -g G", "--assign-identity=[system] -g G"},
		{"none at the end", "--identities", "--identities=[system]"},
		{"tags", "--tags a=1 b=2 --ids /x /y", "--tags=a=1 --tags=b=2 --ids=/x --ids=/y"},
		{"nothing behind -- is ours", "vm run V -- cmd --tags a b", "vm run V -- cmd --tags a b"},
		{"other flags stay", "--query a -o tsv", "--query a -o tsv"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(strings.Fields(test.want), Spread(strings.Fields(test.in))); diff != "" {
				t.Error(diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"--tags="}, Spread([]string{"--tags", ""})); diff != "" {
		t.Errorf("an empty tag clears them all: %s", diff)
	}
}

func TestTags(t *testing.T) {
	got := tagsOf([]string{"a=1", "b", "c=x=y", ""})
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "", "c": "x=y"}, got); diff != "" {
		t.Error(diff)
	}
}
