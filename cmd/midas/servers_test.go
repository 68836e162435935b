package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/stack"
)

// declared reads the servers of a settings file with that text.
func declared(t *testing.T, text string) ([]stack.ServerSettings, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "midas.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := &cobra.Command{}
	cmd.Flags().String("config", "", "")
	if err := cmd.Flags().Set("config", path); err != nil {
		t.Fatal(err)
	}
	return declaredServers(cmd)
}

func TestDeclaredServers(t *testing.T) {
	file := passwordFile(t, "hush\n")
	got, err := declared(t, `
control: 127.0.0.1:7443
servers:
- name: mydb
  backend: {url: 'mysql://midas@db1:3306?tls=verify-identity', passwordFile: `+file+`, ca: /etc/my ca.pem}
  listen: ['127.0.0.1:7307', '[::1]:7307']
- name: other
  resourceGroup: rg
  backend: {url: 'unix:/run/mysqld.sock'}
- {name: third, listen: ['127.0.0.1:7308']}
`)
	want := []stack.ServerSettings{
		{Name: "mydb", Backend: &stack.ExternalBackend{URL: "mysql://midas@db1:3306?tls=verify-identity&ca=%2Fetc%2Fmy+ca.pem", Password: "hush"}, Listen: []string{"127.0.0.1:7307", "[::1]:7307"}},
		{Name: "other", Group: "rg", Backend: &stack.ExternalBackend{URL: "unix:/run/mysqld.sock"}},
		{Name: "third", Listen: []string{"127.0.0.1:7308"}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	for _, text := range []string{"", "control: 127.0.0.1:1\n", "servers: []\n"} {
		if got, err := declared(t, text); err != nil || len(got) > 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// What is wrong with a declaration is said by file, line and field, and never with a password.
func TestDeclaredServersThatAreWrong(t *testing.T) {
	for text, says := range map[string]string{
		"servers: {name: mydb}":                                                        "line 1: servers is a list",
		"servers: [mydb]":                                                              "line 1: servers[0] is a mapping",
		"servers:\n- backend: {url: 'unix:/x'}":                                        "line 2: servers[0].name is missing",
		"servers:\n- name: [a]":                                                        "line 2: servers[0].name is a text",
		"servers:\n- name: a\n  backends: {}":                                          "line 3: servers[0].backends is not known",
		"servers:\n- name: a\n- name: A":                                               `line 3: servers[1].name "A" is declared twice`,
		"servers:\n- name: a\n  backend: {uri: 'mysql://x'}":                           "line 3: servers[0].backend.uri is not known",
		"servers:\n- name: a\n  backend: {ca: /x}":                                     "line 3: servers[0].backend.url is missing",
		"servers:\n- name: a\n  backend: {url: 'postgres://me:hush@x'}":                "servers[0].backend.url is mysql://user@host:port or unix:",
		"servers:\n- name: a\n  backend: {url: 'unix:/x', ca: /x}":                     "servers[0].backend.ca is for mysql:// alone",
		"servers:\n- name: a\n  backend: {url: 'mysql://x', passwordFile: /nowhere}":   "servers[0].backend.passwordFile",
		"servers:\n- name: a\n  backend: {url: 'mysql://x', url: 'mysql://me:hush@y'}": "servers[0].backend.url is there twice",
		"servers:\n- name: a\n  listen: 127.0.0.1:1":                                   "servers[0].listen is a list, and not an empty one",
		"servers:\n- name: a\n  listen: [nowhere]":                                     "servers[0].listen[0] is an address and a port",
		"servers: [": "is not YAML",
	} {
		_, err := declared(t, text)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}
