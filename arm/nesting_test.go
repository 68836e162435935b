package arm

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestDeeplyNestedContentIsRefused(t *testing.T) {
	w := newWorld(t)
	body := func(depth int) string { // of a property that midas keeps and does not read
		inner := strings.Repeat("[", depth-3) + strings.Repeat("]", depth-3)
		return `{"location": "eastus", "properties": {"userData": {"x": ` + inner + `}}}`
	}
	w.want(t, http.StatusCreated, "owner", "PUT", rg+api, `{"location": "eastus"}`)
	w.want(t, http.StatusCreated, "owner", "PUT", vms+"shallow"+api, body(64))
	for _, request := range []struct{ method, path, body string }{
		{"PUT", vms + "deep" + api, body(65)},
		{"PATCH", vms + "shallow" + api, body(10_000)},
		{"PUT", vms + "deep" + api, strings.Repeat("[", 1<<19)},
	} {
		text := w.want(t, http.StatusBadRequest, "owner", request.method, request.path, request.body)
		if want := fmt.Sprintf("nested deeper than %d", 64); !strings.Contains(text, want) {
			t.Errorf("%s: %s; want %q", request.method, text, want)
		}
	}
}
