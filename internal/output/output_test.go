package output

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"gotest.tools/v3/golden"
)

const identityAnswer = `{
	"type": "Microsoft.ManagedIdentity/userAssignedIdentities",
	"tags": {"team": "a&b <é>"},
	"id": "/subscriptions/s/resourcegroups/myResourceGroup/providers/Microsoft.ManagedIdentity/userAssignedIdentities/myManagedIdentity",
	"name": "myManagedIdentity", "location": "eastus", "resourceGroup": "myResourceGroup", "systemData": null,
	"tenantId": "t-1", "principalId": "p-1", "clientId": "c-1"
}`

// mixed has every sort of value that a format has to spell.
const mixedAnswer = `[
	{"name": "one", "on": true, "n": 3306, "none": null, "list": [1, 2], "object": {"a": 1}, "id": "/x"},
	{"name": "a longer name", "on": false, "n": 1.5, "none": null, "list": [], "object": {}, "extra": "only here"}
]`

func TestOutputGolden(t *testing.T) {
	answers := map[string]any{
		"identity": decode(t, identityAnswer),
		"mixed":    decode(t, mixedAnswer),
	}
	for answer := range answers {
		for _, format := range Formats {
			t.Run(answer+"/"+format, func(t *testing.T) {
				golden.Assert(t, printed(t, answers[answer], format, ""), filepath.Join("output", answer+"."+format))
			})
		}
	}
}

func TestJSONIsColouredOnATerminalOnly(t *testing.T) {
	text, err := format("jsonc", decode(t, mixedAnswer), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	golden.Assert(t, text, "output/mixed.jsonc-terminal")
}

func TestQueryThenFormat(t *testing.T) {
	identity := decode(t, identityAnswer)
	mixed := decode(t, mixedAnswer)
	for _, test := range []struct {
		name          string
		answer        any
		format, query string
		want          string
	}{
		{"a scalar in tsv is raw", identity, "tsv", "clientId", "c-1\n"},
		{"a scalar in json is quoted", identity, "json", "clientId", "\"c-1\"\n"},
		{"null prints nothing in json", identity, "json", "systemData", ""},
		{"null prints nothing in tsv", identity, "tsv", "nothing.here", ""},
		{"none prints nothing", identity, "none", "clientId", ""},
		{"an empty list is not null", mixed, "json", "[?name=='x']", "[]\n"},
		{"an empty list has no lines", mixed, "tsv", "[?name=='x']", ""},
		{"a list of scalars is a line each", identity, "tsv", "[clientId, principalId]", "c-1\np-1\n"},
		{"a list in a list is one line", identity, "tsv", "[[clientId, principalId]]", "c-1\tp-1\n"},
		{"true alone is lower case", mixed, "tsv", "[].on", "true\nfalse\n"},
		{"true in a row and null are Python's", mixed, "tsv", "[].[name, on, none, n]", "one\tTrue\tNone\t3306\na longer name\tFalse\tNone\t1.5\n"},
		{"a list in a row is its length, an object nothing", mixed, "tsv", "[].[list, object, name]", "2\t\tone\n0\t\ta longer name\n"},
		{"a row keeps the order of the query", mixed, "tsv", "[].{Name: name, Enabled: on, Count: n}", "one\tTrue\t3306\na longer name\tFalse\t1.5\n"},
		{"json stays alphabetical", mixed, "json", "[0].{b: name, a: n}", "{\n  \"a\": 3306,\n  \"b\": \"one\"\n}\n"},
		{"columns keep the order of the query", mixed, "table", "[].{Size: n, Name: name}", "Size    Name\n------  -------------\n3306    one\n1.5     a longer name\n"},
		{"a scalar in a table is Result", identity, "table", "clientId", "Result\n--------\nc-1\n"},
		{"lists in a table are numbered", mixed, "table", "[].[name, none]", "Column1        Column2\n-------------  ---------\none\na longer name\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, printed(t, test.answer, test.format, test.query)); diff != "" {
				t.Errorf("--output %s --query %q (-want +got):\n%s", test.format, test.query, diff)
			}
		})
	}
}

func TestTableWithoutColumnsSaysWhatToDo(t *testing.T) {
	_, err := encodeTable(decode(t, `[{"id": "/x", "properties": {}}]`), nil)
	if err == nil {
		t.Fatal("an answer without a scalar was laid out as a table")
	}
}

// What the encoders for machines write must read back as the same answer.
func FuzzEncodersRoundTrip(f *testing.F) {
	f.Add(identityAnswer)
	f.Add(mixedAnswer)
	f.Add(`"<a & b> \u2028 \t"`)
	f.Add(`[[], {}, null, -0.5e-7, "no", "0x1", "null", ": - "]`)
	f.Fuzz(func(t *testing.T, text string) {
		var answer any
		if json.Unmarshal([]byte(text), &answer) != nil || answer == nil {
			return
		}
		var back any
		encoded, err := encodeJSON(answer)
		if err != nil || json.Unmarshal([]byte(encoded), &back) != nil {
			t.Fatalf("encoding %q as JSON: %v", text, err)
		}
		if diff := cmp.Diff(answer, back); diff != "" {
			t.Errorf("JSON of %q reads back differently:\n%s", text, diff)
		}
		if _, err := encodeTable(answer, nil); err != nil && len(encodeTSV(answer, nil)) == 0 {
			t.Errorf("%q: neither table nor tsv", text)
		}
	})
}

func TestYAMLReadsBack(t *testing.T) {
	want := decode(t, `{"a": ["no", "1", "null", "x: y", ""], "b": {"c": true, "d": null}}`)
	text, err := encodeYAML(want)
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := yaml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("YAML reads back differently:\n%s", diff)
	}
}

func printed(t *testing.T, answer any, format, query string) string {
	t.Helper()
	var out bytes.Buffer
	c := &Terminal{Out: &out, Format: format, Query: query}
	if query != "" {
		var err error
		if c.selection, err = compileQuery(query); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Print(answer); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
