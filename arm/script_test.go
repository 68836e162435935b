package arm

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the answers into testdata/*.http")

var guids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// A secret of a machine ends a day from now.
var ends = regexp.MustCompile(`"expiresOn": "[^"]*Z"|\.\d{10}\.mac"`)

var etags = regexp.MustCompile(`"etag": "\\"[0-9a-f]{16}\\""`)

// script replays a file of requests and answers:
//
//	# comment
//	PUT /path?query
//	> body, one line
//	< status
//	< answer, indented
//
// Ids are written {sub}, {tenant} and, in the order in which they appear, {id1},
// {id2}…, in answers and in the requests that follow.
type script struct {
	names map[string]string // id to name
	ids   map[string]string // name to id
}

func (s *script) name(text string) string {
	return guids.ReplaceAllStringFunc(text, func(id string) string {
		if s.names[id] == "" {
			s.learn(id, fmt.Sprintf("{id%d}", len(s.names)-1))
		}
		return s.names[id]
	})
}

func (s *script) learn(id, name string) { s.names[id], s.ids[name] = name, id }

func (s *script) spell(text string) string {
	for name, id := range s.ids {
		text = strings.ReplaceAll(text, name, id)
	}
	return text
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %d scripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got (run with -update to accept):\n%s", diff)
			}
		})
	}
}

// replay sends a script's requests to a new world and returns the script with the
// answers that came.
func replay(t *testing.T, text string) string {
	t.Helper()
	w := newWorld(t)
	tenant, sub := w.dir.Tenant()
	s := &script{map[string]string{}, map[string]string{}}
	s.learn(sub, "{sub}")
	s.learn(tenant, "{tenant}")
	s.learn(ownerID, "{owner}")
	var out strings.Builder
	var request, body string
	send := func() {
		if request == "" {
			return
		}
		method, path, _ := strings.Cut(s.spell(request), " ")
		resp, answer := w.do(t, "owner", method, path, s.spell(body))
		fmt.Fprintf(&out, "< %d\n", resp.StatusCode)
		if answer != "" {
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, []byte(answer), "< ", "  "); err != nil {
				t.Fatalf("%s: %q: %v", request, answer, err)
			}
			text := etags.ReplaceAllString(s.name(pretty.String()), `"etag": "{etag}"`)
			fmt.Fprintf(&out, "< %s\n", ends.ReplaceAllStringFunc(text, func(end string) string {
				if strings.HasPrefix(end, ".") {
					return `.{until}.mac"`
				}
				return `"expiresOn": "{until}"`
			}))
		}
		request, body = "", ""
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "<"):
			continue // the answer of last time
		case strings.HasPrefix(line, "> "):
			body = line[2:]
		default:
			send()
			if line != "" && !strings.HasPrefix(line, "#") {
				request = line
			}
		}
		out.WriteString(line + "\n")
	}
	send()
	return out.String()
}
