package seed

import (
	"fmt"
	"strings"
	"testing"
)

func TestErrorsNameLineAndField(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "w.yaml: is empty"},
		{"# nothing\n", "w.yaml: is empty"},
		{"just text", "w.yaml:1: is a text, and should be a mapping"},
		{"users:\n- name: [", "w.yaml:2: did not find expected node content"},
		{"vms: []\nvms: []\n", "w.yaml:2: vms: is there already"},
		{"vms:\n- name: a\n  tags: {a: b}\n  tags: {}\n", "w.yaml:4: vms[0].tags: is there already"},
		{"a: &a [*a]\n", "w.yaml: anchor 'a' value contains itself"},
		{"? [x]\n: y\n", "w.yaml:1: has a key that is no text"},
		// Nothing after the first document is left unread.
		{"vms: []\n---\nvms: []\n", "w.yaml:2: a second YAML document begins, and a world is one"},
		{"vms: []\n...\n---\nno-such-field: 1\n", "w.yaml:3: a second YAML document begins"},
		{"vms: []\n---\n", "w.yaml:2: a second YAML document begins"},
		{"---\nvms: []\n---\nvms: [\n", "w.yaml:4: did not find expected node content"},
		{"vm:\n- name: a\n", "w.yaml:1: vm: there is no such field"},
		{"location: eastus\nvms:\n- name: a\n  resource-group: g\n  identity: x\n", "w.yaml:5: vms[0].identity: there is no such field"},
		{"vms:\n- name: a\n  resource-group: g\n- name: b\n", "w.yaml:4: vms[1]: needs the field resource-group"},
		{"vms:\n  name: a\n", "w.yaml:1: vms: is a mapping, and should be a list"},
		{"resource-groups:\n- name: 12\n", "w.yaml:2: resource-groups[0].name: is a number, and should be a text"},
		{"resource-groups:\n- name: ''\n", "w.yaml:2: resource-groups[0].name: is empty"},
		{"servers:\n- name: a\n  resource-group: g\n  version: 8.0\n", "w.yaml:4: servers[0].version: is a number, and should be a text"},
		{"servers:\n- name: a\n  resource-group: g\n  administrator:\n    login: x\n    principal:\n", "w.yaml:6: servers[0].administrator.principal: is nothing, and should be a mapping"},
		{"groups:\n- name: a\n  members:\n  - {}\n", "w.yaml:4: groups[0].members[0]: names nothing: one field is needed"},
		{"groups:\n- name: a\n  members:\n  - user: a@b\n    group: c\n", "w.yaml:4: groups[0].members[0]: has 2 fields, and may have one"},
		{"groups:\n- name: a\n  members:\n  - id: abc\n", `w.yaml:4: groups[0].members[0].id: "abc" is not of the form`},
		{"users:\n- name: a@b\n  password-file: x\n  password-env: y\n", "w.yaml:2: users[0]: has both password-file and password-env"},
		{"users:\n- name: a@b\n  password: hunter2\n", "w.yaml:3: users[0].password: there is no such field"},
		{"location: " + strings.Repeat("x", 65), "w.yaml:1: location: is 65 characters long, more than 64"},
		{"vms:\n- name: a\n  resource-group: g\n  tags: {a: 1}\n", "w.yaml:4: vms[0].tags.a: is a number, and should be a text"},
		// The first in the file counts.
		{"vms:\n- name: a\n  x: 1\nservers:\n- y: 2\n", "w.yaml:2: vms[0]: needs the field resource-group"},
	} {
		_, err := Parse("w.yaml", []byte(test.text))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%q:\n got %v\nwant %s", test.text, err, test.want)
		}
	}
}

// TestAliasesEnd: a few lines must not become gigabytes.
func TestAliasesEnd(t *testing.T) {
	text := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		text += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 9) + "]\n"
	}
	if _, err := Parse("w.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "w.yaml: its aliases (*name) stand for too much text") {
		t.Errorf("got %v", err)
	}
	if _, err := Parse("w.yaml", make([]byte, maxFile+1)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}

// What is nested without end, by brackets or by aliases, is not followed.
func TestNestingEnds(t *testing.T) {
	aliases := "a0: &a0 x\n"
	for i := range 70 {
		aliases += fmt.Sprintf("a%d: &a%d [*a%d]\n", i+1, i+1, i)
	}
	for name, text := range map[string]string{
		"brackets": "tags: " + strings.Repeat("[", 65) + strings.Repeat("]", 65) + "\n",
		"braces":   "tags: " + strings.Repeat("{a: ", 65) + "x" + strings.Repeat("}", 65) + "\n",
		"aliases":  aliases,
	} {
		if _, err := Parse("w.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "w.yaml: is nested deeper than 64") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("vms:\n- {name: a, resource-group: g, identities: ['[system]', x]}\n"))
	f.Add([]byte("a: &a {b: *a}\n? [x]\n: y\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		w, err := Parse("w.yaml", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "w.yaml:") {
				t.Errorf("%v does not say where", err)
			}
			return
		}
		_ = w.twice()
	})
}
