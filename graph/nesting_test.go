package graph

import (
	"net/http"
	"strings"
	"testing"
)

func TestDeeplyNestedContentIsRefused(t *testing.T) {
	w := newWorld(t)
	body := func(depth int) string { // of a property that midas keeps and does not read
		return `{"displayName": "app", "info": {"x": ` + strings.Repeat("[", depth-2) + strings.Repeat("]", depth-2) + `}}`
	}
	w.want(t, http.StatusCreated, "POST", "/applications", body(64))
	for _, deep := range []string{body(65), body(10_000), strings.Repeat(`{"a":`, 1<<10)} {
		w.want(t, http.StatusBadRequest, "POST", "/applications", deep)
	}
}
