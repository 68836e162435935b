package midas_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// namedTest is how the documents name a test: the folder of its package, a full stop,
// its name; or the path of a script.
var namedTest = regexp.MustCompile("`(?:([a-z][a-z/]*)\\.((?:Test|Fuzz|Benchmark)\\w+)|(test/script/[\\w/-]+\\.txtar))`")

// TestFactsAreHeld keeps docs/facts.md honest: each fact names tests, and they exist.
func TestFactsAreHeld(t *testing.T) {
	facts := 0
	for _, row := range table(t, "docs/facts.md") {
		if len(row) != 3 || row[0] == "" || strings.Trim(row[0], "0123456789") != "" {
			continue
		}
		facts++
		wantTests(t, "fact "+row[0], row[2])
	}
	if facts != 30 {
		t.Errorf("%d facts, not 30", facts)
	}
}

// TestCompatibilityIsHeld does so for docs/compatibility.md: a row says what Azure does,
// whether midas follows, deviates or leaves it out, and which test shows that.
func TestCompatibilityIsHeld(t *testing.T) {
	rows := 0
	for _, row := range table(t, "docs/compatibility.md") {
		if row[0] == "Azure" {
			continue
		}
		rows++
		if len(row) != 3 {
			t.Errorf("%q: %d cells, not 3", row[0], len(row))
			continue
		}
		verdict, _, _ := strings.Cut(strings.TrimPrefix(row[1], "**"), "**")
		if !slices.Contains([]string{"follows", "deviates", "left out"}, verdict) {
			t.Errorf("%q: begins with %q, not with **follows**, **deviates** or **left out**", row[0], row[1])
		}
		wantTests(t, row[0], row[2])
	}
	if rows < 10 {
		t.Errorf("only %d rows were read", rows)
	}
}

var (
	inBackticks = regexp.MustCompile("`([^`]+)`")
	levelNumber = regexp.MustCompile(`^[0-9]$`)
)

// TestArchitectureIsTrue compares docs/architecture.md with the packages that exist: each is
// in the table of the house, and those above level 0 are on their level.
func TestArchitectureIsTrue(t *testing.T) {
	house, onLevel := map[string]bool{}, map[string]string{}
	for _, row := range table(t, "docs/architecture.md") {
		numbered := levelNumber.MatchString(row[0])
		for i, cell := range row[:min(2, len(row))] {
			for _, name := range inBackticks.FindAllStringSubmatch(cell, -1) {
				if i == 0 {
					house[strings.TrimSuffix(name[1], "/")] = true
				} else if numbered {
					onLevel[name[1]] = row[0]
				}
			}
		}
	}
	for _, p := range shipped(t) {
		name := short(p.ImportPath)
		if !house[name] && name != "" && name != "backend/embedded" {
			t.Errorf("docs/architecture.md does not say what %s owns", name)
		}
		if at := level(name); at > 0 && onLevel[name] != strconv.Itoa(at) {
			t.Errorf("docs/architecture.md has %s on level %q, arch_test.go on %d", name, onLevel[name], at)
		}
	}
}

// table returns the cells of every row of a document's tables but the rules under the
// headings. A bar within a cell is written as \\|.
func table(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		line, is := strings.CutPrefix(strings.TrimSpace(line), "|")
		if !is || strings.Trim(line, "-:| ") == "" {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(strings.ReplaceAll(line, `\|`, "\x00"), "|"), "|")
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cell), "\x00", "|")
		}
		rows = append(rows, cells)
	}
	return rows
}

// wantTests fails unless cell names a test, and all that it names exist.
func wantTests(t *testing.T, what, cell string) {
	t.Helper()
	named := namedTest.FindAllStringSubmatch(cell, -1)
	if len(named) == 0 {
		t.Errorf("no test holds %s", what)
	}
	for _, name := range named {
		if script := name[3]; script != "" {
			if _, err := os.Stat(script); err != nil {
				t.Errorf("%s: there is no script %s", what, script)
			}
			continue
		}
		files, err := filepath.Glob(filepath.Join(name[1], "*_test.go"))
		if err != nil || !slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && bytes.Contains(text, []byte("\nfunc "+name[2]+"("))
		}) {
			t.Errorf("%s: there is no test %s.%s", what, name[1], name[2])
		}
	}
}
