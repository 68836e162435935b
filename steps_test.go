package midas_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	embeddedFile = regexp.MustCompile(`(?m)^-- (.+) --\n`)
	evalOfEnv    = regexp.MustCompile(`(?m)^[^#\n]*eval "\$\(midas env[^\n]*`)
	endsAtError  = regexp.MustCompile(`(?m)^(set -e|\. \./each\.sh)`) // each.sh begins with it
)

// TestNoFailedStepReachesACloud keeps what people copy from sending its next line to a real
// cloud when a line fails: 169.254.169.254 and az are somebody else's then.
func TestNoFailedStepReachesACloud(t *testing.T) {
	scripts, documents := 0, 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		switch filepath.Ext(path) {
		case ".txtar":
			scripts++
			evalsEnd(t, path, string(text))
		case ".md":
			documents++
			stepsStayInside(t, path, string(text))
		}
		return err
	})
	if err != nil || scripts < 10 || documents < 5 {
		t.Errorf("%v, %d scripts, %d documents", err, scripts, documents)
	}
}

// evalsEnd wants each script that takes in the output of midas env to end when that fails.
func evalsEnd(t *testing.T, path, text string) {
	parts := embeddedFile.Split(text, -1)
	for i, name := range embeddedFile.FindAllStringSubmatch(text, -1) {
		body := parts[i+1]
		for _, at := range evalOfEnv.FindAllStringIndex(body, -1) {
			line := body[at[0]:at[1]]
			if !endsAtError.MatchString(body[:at[0]]) && !strings.Contains(line, "|| exit") && !strings.Contains(line, "&&") {
				t.Errorf("%s: %s goes on when midas env fails: begin it with set -e", path, name[1])
			}
		}
	}
}

// stepsStayInside looks at the commands of a document: those between fences that begin with
// a prompt, with the lines that go on with them.
func stepsStayInside(t *testing.T, path, text string) {
	for i, block := range strings.Split(text, "\n```") {
		if i%2 == 0 {
			continue
		}
		for _, step := range strings.Split("\n"+block, "\n$ ")[1:] {
			if strings.Contains(step, "169.254.169.254") && !regexp.MustCompile(`^midas vm run \w+ -- bash -c '`).MatchString(step) {
				t.Errorf("%s: this reaches the metadata endpoint of a real cloud when the line before it fails: %s", path, step)
			}
			if regexp.MustCompile(`^(alias az=|az )`).MatchString(step) {
				t.Errorf("%s: this is the real cloud's where no alias holds: %s", path, step)
			}
		}
	}
}
