package metadata

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/midas-mysql/midas/internal/clip"
)

// instanceVersion is the first version with the category of the instance.
const instanceVersion = "2017-03-01"

// serveInstance answers GET /metadata/instance and what lies below: what a machine is
// told about itself.
func (e *Endpoint) serveInstance(w http.ResponseWriter, r *http.Request, c caller) {
	node, format, f := e.instance(r, c)
	switch {
	case f != nil:
		e.refuse(w, r, f, otherRefusal)
	case format == "text":
		sized(w, http.StatusOK, "text/plain; charset=utf-8", asText(node))
	default:
		write(w, http.StatusOK, node)
	}
}

func (e *Endpoint) instance(r *http.Request, c caller) (node any, format string, f *failure) {
	v, f := e.enterOther(r, c)
	if f != nil {
		return nil, "", f
	}
	given, f := parameters(r, "api-version", "format")
	if f != nil {
		return nil, "", f
	}
	version, format := given["api-version"], given["format"]
	switch {
	case !since(version, instanceVersion):
		return nil, "", badVersion()
	case format == "":
		format = "json"
	case format != "json" && format != "text":
		return nil, "", badRequest("The format '" + clip.Text(format) + "' is not supported. Use json or text.")
	}
	path, _, _ := route(r) // it was routed before
	node, ok := walk(describe(v.workload, version), strings.Split(path, "/")[2:])
	if !ok {
		return nil, "", &failure{status: http.StatusNotFound, reason: reasonNotFound, text: "The requested resource is not found."}
	}
	if _, leaf := node.(string); leaf && format == "json" {
		return nil, "", badRequest("The leaf '" + clip.Text(path) + "' has the format text only: add format=text.")
	}
	return node, format, nil
}

// walk goes down from node by keys and by indexes. Keys are matched without case.
func walk(node any, path []string) (any, bool) {
	for _, step := range path {
		switch at := node.(type) {
		case object:
			i := slices.IndexFunc(at, func(m member) bool { return strings.EqualFold(m.name, step) })
			if i < 0 {
				return nil, false
			}
			node = at[i].value
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) || strconv.Itoa(i) != step {
				return nil, false
			}
			node = at[i]
		default:
			return nil, false
		}
	}
	return node, true
}

// asText is a leaf's value, or the names of what is below, one a line, those with more
// below them with a slash.
func asText(node any) []byte {
	var b bytes.Buffer
	line := func(name string, value any) {
		if _, leaf := value.(string); !leaf {
			name += "/"
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(name)
	}
	switch at := node.(type) {
	case string:
		return []byte(at)
	case object:
		for _, m := range at {
			line(m.name, m.value)
		}
	case []any:
		for i, value := range at {
			line(strconv.Itoa(i), value)
		}
	default:
		panic(fmt.Sprintf("an instance document holds a %T", node))
	}
	return b.Bytes()
}
