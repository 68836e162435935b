package main

import (
	"strings"
	"testing"
)

// A caller who may see no subscription learns that, and what to do, rather than about paths that
// nobody wrote.
func TestCommandsWithoutASubscription(t *testing.T) {
	state, d := plane(t)
	p, secret, err := d.CreateApplication(t.Context(), "nobody")
	if err != nil {
		t.Fatal(err)
	}
	login := []string{"login", "--service-principal", "-u", p.ClientID, "-p", secret}
	code, _, stderr := ran(t, state, login...)
	if code == 0 || !strings.Contains(stderr, "may see no subscription") || !strings.Contains(stderr, "--allow-no-subscriptions") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if code, _, stderr = ran(t, state, append(login, "--allow-no-subscriptions")...); code != 0 {
		t.Fatal(stderr)
	}
	for _, line := range []string{
		"group list", "group create -n g", "group exists -n g", "group delete -n g --yes", "resource list",
		"identity list", "identity create -g g -n i", "identity show -g g -n i", "identity list-resources -g g -n i",
		"vm list", "vm create -g g -n v", "vm identity show -g g -n v",
		"mysql flexible-server list", "mysql flexible-server ad-admin list -g g -s s",
		"role assignment list", "role assignment create --assignee " + p.ClientID + " --role Reader", "role definition list",
		"lock list", "monitor activity-log list", "keys list", "fault list",
	} {
		code, _, stderr := ran(t, state, strings.Fields(line)...)
		if code == 0 || !strings.Contains(stderr, "saw no subscription when it signed in") ||
			!strings.Contains(stderr, "midas role assignment create --assignee "+p.ClientID+" --role Reader") || !strings.Contains(stderr, "midas login") {
			t.Errorf("%s: exit code %d, %s", line, code, stderr)
		}
	}
	// What is about no subscription goes on.
	for _, line := range []string{"account show", "token", "ad signed-in-user show"} {
		if _, _, stderr := ran(t, state, strings.Fields(line)...); strings.Contains(stderr, "subscription") {
			t.Errorf("%s: %s", line, stderr)
		}
	}
}
