package output

import (
	"errors"
	"flag"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jmespath-community/go-jmespath"

	"github.com/midas-mysql/midas"
)

// doubled is a query that begins with start and is doubled n times over by step.
func doubled(start, step string, n int) string { return start + strings.Repeat(step, n) }

// The ways in which a query makes more than it is given. Each would take gigabytes, or
// hours.
var costly = map[string]string{
	"pad_left":                            "pad_left('x', `1000000000000`)",
	"pad_right, by a text":                "pad_right('x', to_number('1e12'), '-')",
	"pad_left, many times":                doubled("@", " | [@, @]", 12) + " | [][][][][][][][][][][].pad_left('x', `1000000`)",
	"a list of itself":                    doubled("@", " | [@, @]", 40),
	"an object of itself":                 doubled("@", " | {a: @, b: @}", 40),
	"a list that grows":                   doubled("[@]", " | [@, @][]", 40),
	"a list that grows at once":           doubled("@", " | [@,@,@,@,@,@,@,@,@,@,@,@,@,@,@,@]", 7) + strings.Repeat(" | []", 7),
	"a list put into itself":              "to_array(@)[*].[" + strings.Repeat("@,", 2000) + "@] | [].[" + strings.Repeat("@,", 2000) + "@] | [].[" + strings.Repeat("@,", 2000) + "@]",
	"map":                                 "[@] | " + strings.Repeat("map(&[@, @], @)[] | ", 40) + "@",
	"join":                                doubled("['aaaaaaaaaaaaaaaa']", " | [join('', [@[0], @[0]])]", 40),
	"join with a long glue":               "pad_left('x', `1000000`) | join(@, [" + strings.Repeat("'a',", 200) + "'a'])",
	"replace":                             doubled("'aa'", " | replace(@, 'a', 'aaaaaaaaaaaaaaaa')", 12),
	"replace nothing":                     doubled("'aa'", " | replace(@, '', @)", 12),
	"split":                               "pad_left('x', `30000000`) | split(@, '')",
	"to_string of texts":                  doubled("'\"'", " | to_string([@])", 60),
	"to_string of a list of itself":       doubled("@", " | [@, @]", 30) + " | to_string(@)",
	"zip":                                 "pad_left('x', `100000`) | split(@, '') | zip(" + strings.Repeat("@,", 4000) + "@)",
	"merge":                               "{" + strings.TrimSuffix(strings.Repeat("a: @, ", 40), ", ") + "} | " + strings.Repeat("merge(@, {b: @, c: @}) | ", 40) + "@",
	"items and from_items":                doubled("{a: @}", " | from_items([['a', @], ['b', @]])", 30),
	"a comparison of lists of themselves": doubled("@", " | [@, @]", 40) + " | @ == [@[0], @[1]]",
	"an error that shows its argument":    doubled("@", " | [@, @]", 40) + " | abs(@)",
	"let":                                 strings.Repeat("let $x = [@, @] in $x | ", 40) + "@",
	"a filter that goes round":            "pad_left('x', `3000`) | split(@, '')" + " | let $a = @ in $a[?length($a[?length($a[?length($a[?@ == 'y']) == `1`]) == `1`]) == `1`]",
	"projections that go round":           "pad_left('x', `3000`) | split(@, '')" + " | let $a = @ in $a[*].[$a[*].[$a[*].[$a[*].nothing]]]",
	"values that go round":                "{" + "a: @, b: @, c: @, d: @, e: @, f: @, g: @, h: @} | let $o = @ in $o.*.[$o.*.[$o.*.[$o.*.[$o.*.[$o.*.[$o.*.[$o.*.[$o.*.[$o.*.nothing]]]]]]]]]",
	"too deep":                            doubled("@", " | [@]", 1000),
	"sort_by that goes round":             "pad_left('x', `4000`) | split(@, '') | let $a = @ in sort_by($a, &length(sort_by($a, &length(sort_by($a, &@)[0]))[0]))",
	"group_by of lists of themselves":     doubled("@", " | [@, @]", 40) + " | group_by(@, &'a')",
	"an error that a projection swallows": "[pad_left('x', `1000000000000`)][].x | [?@]",
}

func TestCostlyQueriesEnd(t *testing.T) {
	for name, text := range costly {
		t.Run(name, func(t *testing.T) {
			q, err := compileQuery(text)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			found, err := q.search(decode(t, mixedAnswer))
			runtime.ReadMemStats(&after)
			made := (after.TotalAlloc - before.TotalAlloc) >> 20
			if midas.CodeOf(err) != midas.Invalid || !errors.Is(err, errCostly) && !strings.Contains(err.Error(), "nested deeper") {
				t.Errorf("%v, an answer: %v", err, found != nil)
			}
			if made > 2048 {
				t.Errorf("made %d MiB", made)
			}
		})
	}
}

// What functions of the library panic at is an error, as is any other wrong argument.
func TestQueriesDoNotPanic(t *testing.T) {
	for _, text := range []string{
		"contains(@, @[0])", "&a", "[&a]", "find_first('abc', 'b', `2`, `1`)", "'abc'[1:3:9223372036854775807]",
		strings.Repeat("(", 8000) + "@" + strings.Repeat(")", 8000), strings.Repeat("[", 8000) + strings.Repeat("]", 8000), strings.Repeat("!", 16000) + "@",
	} {
		if q, err := compileQuery(text); err == nil {
			if _, err := q.search(decode(t, mixedAnswer)); err != nil && midas.CodeOf(err) != midas.Invalid {
				t.Errorf("%.40s: %v", text, err)
			}
		}
	}
	if _, err := compileQuery(strings.Repeat("@ | ", 5000) + "@"); err == nil {
		t.Error("a query of 20,000 bytes was read")
	}
}

// A large answer is no reason to refuse what az's users ask of it.
func TestQueriesOfLargeAnswers(t *testing.T) {
	row := decode(t, mixedAnswer).([]any)[0]
	rows := make([]any, 20_000)
	for i := range rows {
		rows[i] = row
	}
	for text, want := range map[string]any{
		"length(@)": 20_000.0, "[?name=='one'] | length(@)": 20_000.0, "[].{Name: name, On: on, N: n} | [-1]": map[string]any{"Name": "one", "On": true, "N": 3306.0},
		"sort_by(@, &n)[0].name": "one", "[].list[] | length(@)": 40_000.0, "[].to_string(@) | [0]": `{"id":"/x","list":[1,2],"n":3306,"name":"one","none":null,"object":{"a":1},"on":true}`,
		"length(join(',', [].name))": 79_999.0, "pad_left('x', `5`)": "    x", "[?contains(name, 'on')].name | [0]": "one",
		"[:2].name": []any{"one", "one"}, "'abc'[::-1]": "cba", "[0].* | length(@)": 6.0, "max_by(@, &n).n": 3306.0, "group_by(@, &name).one | length(@)": 20_000.0,
	} {
		q, err := compileQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := q.search(rows)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
}

// A query means what it means without the meter.
func FuzzQuery(f *testing.F) {
	if flag.Lookup("test.fuzz").Value.String() != "" { // else TestCostlyQueriesEnd has them
		for _, text := range costly {
			f.Add(text)
		}
	}
	f.Add("[].{b: name, a: n} | [?a > `1`].b | sort(@)")
	f.Add("&a")
	f.Add("let $x = [0] in {a: $x.list[1:], b: *.object.a, c: [].list[]}")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := compileQuery(text)
		if err != nil {
			return
		}
		var m meter
		got, err := q.evaluate(&m, decode(t, mixedAnswer))
		if err != nil && midas.CodeOf(err) != midas.Invalid {
			t.Errorf("%s: %v", text, err)
		}
		for _, random := range []string{"*", "keys", "values", "items"} { // their order
			if strings.Contains(text, random) {
				return
			}
		}
		if err != nil || m.made > 1000 || m.steps > 10_000 {
			return
		}
		want, err := jmespath.Search(text, decode(t, mixedAnswer))
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	})
}
