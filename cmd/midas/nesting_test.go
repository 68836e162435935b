package main

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/midas-mysql/midas/internal/armtest"
)

// An answer of brackets alone is refused before anything decodes it, whatever it is for.
func TestDeeplyNestedAnswersAreRefused(t *testing.T) {
	clearEnvironment(t)
	deep := `{"value": ` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`
	for _, status := range []int{http.StatusOK, http.StatusConflict, http.StatusAccepted} {
		state := armtest.Serve(t, armtest.Answering(status, deep)).State(t)
		for _, command := range [][]string{{"group", "list"}, {"vm", "show", "-g", "g", "-n", "v"}, {"group", "create", "-n", "g", "-l", "eastus"}} {
			code, out, stderr := ran(t, state, command...)
			if code != exitFailed || out != "" || !strings.Contains(stderr, "its JSON is nested deeper than 64") {
				t.Errorf("%d to %v: exit code %d, %s%s", status, command, code, out, stderr)
			}
		}
	}
}

func TestDeeplyNestedClaimsAreRefused(t *testing.T) {
	claims := `{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`
	if _, err := claimsOf("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x"); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("%v", err)
	}
}
