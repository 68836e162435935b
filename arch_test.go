package midas_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/midas-mysql/midas"

// The levels of the house. A package may import lower levels only; the second level
// packages meet in the root's words and are wired together in internal/stack.
var levels = []struct {
	packages []string
	reason   string
}{
	{
		[]string{
			"",
			"internal/armtemplate",
			"internal/ca",
			"internal/certfile",
			"internal/clientkey",
			"internal/clip",
			"internal/confine",
			"internal/connections",
			"internal/feed",
			"internal/guid",
			"internal/injection",
			"internal/keyfile",
			"internal/keystrength",
			"internal/lane",
			"internal/mysqlerr",
			"internal/peer",
			"internal/publicnames",
			"internal/relay",
			"internal/rest",
			"internal/statedir",
			"internal/throttledlog",
			"internal/usage",
			"internal/vmns",
			"internal/wire",
		},
		"level 0 is beneath everything else, so it imports the standard library alone",
	},
	{
		[]string{"token", "tokensource", "directory", "account", "internal/output", "internal/passwordthrottle", "internal/yamlfile"},
		"level 1 knows the words and one subject each, never how it is served",
	},
	{
		[]string{
			"arm", "graph", "issuer", "metadata", "connector", "sidecar", "gateway", "backend", "backend/embedded",
			"doctor", "console", "seed", "internal/armclient",
		},
		"level 2 packages never import each other: each can then be run, tested and replaced alone",
	},
	{
		[]string{"internal/stack", "internal/azcli", "internal/workload"},
		"level 3 is the rooms of the program: the wiring of the servers, and the commands, which know of a server what its API says",
	},
	{[]string{"cmd/midas", "midastest"}, "the program reads configuration and runs what it asks for, a stranger's test the whole of midas"},
}

// Arrows that the levels allow and that are wrong all the same.
var forbidden = map[[2]string]string{
	{"account", "internal/wire"}:        "accounts are about names and ids; how packets look must not leak into them",
	{"backend", "gateway"}:              "a backend serves anyone who speaks MySQL",
	{"internal/stack", "internal/wire"}: "the stack wires parts; packets are the gateway's business",
	{"midastest", "internal/wire"}:      "a test speaks to the gateway as any client does",
	{"cmd/midas", "internal/wire"}:      "the program runs parts; packets are the gateway's business",
	{"internal/wire", ""}:               "wire is the protocol of the manual and knows no product",
	{"internal/relay", ""}:              "relay copies bytes and knows no product",
	{"tokensource", "token"}:            "a client must not link the verifier: it cannot judge its own token",
}

// Arrows between packages of one level that are wanted.
var allowed = map[[2]string]string{
	{"backend/embedded", "backend"}:                   "the embedded engine is a backend, kept apart for its 50 MB",
	{"internal/ca", "internal/keyfile"}:               "the authority's key is a file like the others",
	{"internal/certfile", "internal/keyfile"}:         "a certificate's key is a file like the others",
	{"internal/publicnames", "internal/connections"}:  "the proxy is a port that speaks HTTP like the others",
	{"internal/rest", "internal/connections"}:         "content that its port has no room for is told from content that was cut short",
	{"internal/connections", "internal/clientkey"}:    "connections are limited by the same key as requests",
	{"internal/throttledlog", "internal/clientkey"}:   "log lines are limited by the same key as requests",
	{"internal/publicnames", "internal/throttledlog"}: "refusals of the proxy are logged under the same limit as others",
	{"internal/armtemplate", "internal/clip"}:         "errors quote a template that a client wrote",
	{"internal/injection", "internal/clip"}:           "errors quote a kind of fault that a client made up",
	{"internal/publicnames", "internal/clip"}:         "names that a client made up are cut short in the log",
	{"internal/wire", "internal/mysqlerr"}:            "an error packet has the SQLSTATE that belongs to its number",
	{"connector", "tokensource"}:                      "the connector exists to put a fresh token into a driver",
	{"internal/statedir", "internal/keyfile"}:         "a file of the state is read only if no other user could have made it",
	{"internal/publicnames", "internal/ca"}:           "the names have an authority of their own",
}

// Packages of level 0 that speak to the kernel in the words of a library.
var ofTheSystem = []string{"internal/vmns", "internal/confine", "internal/peer"}

type pkg struct {
	ImportPath   string
	Name         string
	Dir          string
	GoFiles      []string
	Imports      []string
	Deps         []string
	Standard     bool
	ForTest      string
	TestGoFiles  []string
	XTestGoFiles []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Dir,GoFiles,Imports,Deps,Standard"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func shipped(t *testing.T) []pkg {
	t.Helper()
	var out []pkg
	for _, p := range list(t, "-tags", "gms_pure_go", "./...") {
		if len(p.GoFiles) > 0 && !testOnly(short(p.ImportPath)) {
			out = append(out, p)
		}
	}
	if len(out) < 5 {
		t.Fatalf("only %d packages found: the rules below would prove nothing", len(out))
	}
	return out
}

func short(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

func ours(importPath string) bool {
	return importPath == module || strings.HasPrefix(importPath, module+"/")
}

func testOnly(name string) bool {
	return strings.HasPrefix(name, "test") || name == "directory/directorytest" ||
		strings.HasPrefix(name, "internal/") && strings.HasSuffix(name, "test")
}

func level(name string) int {
	for i, l := range levels {
		if slices.Contains(l.packages, name) {
			return i
		}
	}
	return -1
}

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range shipped(t) {
		from := short(p.ImportPath)
		here := level(from)
		if here < 0 {
			t.Errorf("package %q has no level: give it one in arch_test.go, with the picture in docs/architecture.md", from)
			continue
		}
		for _, imp := range p.Imports {
			if !ours(imp) {
				if here == 0 && strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") && !slices.Contains(ofTheSystem, from) {
					t.Errorf("%s imports %s: %s", from, imp, levels[0].reason)
				}
				continue
			}
			to := short(imp)
			arrow := [2]string{from, to}
			if reason, no := forbidden[arrow]; no {
				t.Errorf("%s imports %s: %s", from, to, reason)
			}
			if testOnly(to) {
				t.Errorf("%s imports %s, which is for tests only", from, to)
			}
			_, fine := allowed[arrow]
			if there := level(to); !fine && there >= here && (here > 0 || to != "") {
				t.Errorf("%s (level %d) imports %s (level %d): %s", from, here, to, there, levels[here].reason)
			}
		}
	}
}

// clients are the rooms that speak to servers over the network alone, servers what they must
// not link: a command that could reach into a server would do what its API forbids.
var (
	clients = []string{"internal/azcli", "internal/armclient", "internal/output", "internal/workload"}
	servers = []string{
		"directory", "account", "token", "arm", "graph", "issuer", "metadata", "gateway", "backend", "backend/embedded", "seed",
		"internal/wire", "internal/armtemplate", "internal/peer", "internal/stack",
	}
)

func TestClientsReachNoServer(t *testing.T) {
	seen := 0
	for _, p := range shipped(t) {
		if !slices.Contains(clients, short(p.ImportPath)) {
			continue
		}
		seen++
		for _, dep := range p.Deps {
			if ours(dep) && slices.Contains(servers, short(dep)) {
				t.Errorf("%s reaches %s: a command asks a server over its API, as az does", short(p.ImportPath), short(dep))
			}
		}
	}
	if seen != len(clients) {
		t.Errorf("%d of %d clients were looked at", seen, len(clients))
	}
}

// maxProgramLines bounds a package main. What is more is a room that others could use.
const maxProgramLines = 3000

func TestProgramsAreSmall(t *testing.T) {
	seen := 0
	for _, p := range shipped(t) {
		if p.Name != "main" {
			continue
		}
		seen++
		lines := 0
		for _, file := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, file))
			if err != nil {
				t.Fatal(err)
			}
			lines += bytes.Count(text, []byte("\n"))
		}
		if lines > maxProgramLines {
			t.Errorf("%s has %d lines, more than %d: move what is not the program's own into a package", short(p.ImportPath), lines, maxProgramLines)
		}
	}
	if seen == 0 {
		t.Error("no program was looked at")
	}
}

func TestRootUsesTheStandardLibraryAlone(t *testing.T) {
	for _, p := range list(t, ".") {
		for _, imp := range p.Imports {
			if strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") {
				t.Errorf("the root package imports %s", imp)
			}
		}
	}
}

func TestEmbeddedEngineIsLinkedOnlyByTheProgram(t *testing.T) {
	for _, p := range shipped(t) {
		name := short(p.ImportPath)
		if name != "cmd/midas" && name != "internal/stack" && name != "midastest" && name != "backend/embedded" && slices.Contains(p.Deps, module+"/backend/embedded") {
			t.Errorf("%s links the embedded engine: 50 MB that its users did not ask for", name)
		}
	}
	for _, p := range list(t, "./cmd/midas", "./internal/stack", "./midastest") {
		if slices.ContainsFunc(p.Deps, func(d string) bool { return strings.Contains(d, "go-mysql-server") }) {
			t.Errorf("a plain go build of %s links the embedded engine; it belongs behind the tag gms_pure_go", short(p.ImportPath))
		}
	}
}

// TestWhatStrangersLink reviews what an application gets that imports the connector.
// A new name here is a decision: it becomes part of other people's builds.
func TestWhatStrangersLink(t *testing.T) {
	reviewed := map[string]string{
		module:                              "the words",
		module + "/tokensource":             "fresh tokens",
		module + "/connector":               "itself",
		module + "/internal/mysqlerr":       "the number of a refused sign-in",
		"github.com/go-sql-driver/mysql":    "the driver it feeds",
		"filippo.io/edwards25519":           "of go-sql-driver: MariaDB's ed25519 sign-in",
		"github.com/Azure/azure-sdk-for-go": "azcore.TokenCredential and the credentials of azidentity",
		"github.com/AzureAD/microsoft-authentication-library-for-go": "of azidentity",
		"github.com/golang-jwt/jwt":                                  "of MSAL",
		"github.com/google/uuid":                                     "of MSAL",
		"github.com/kylelemons/godebug":                              "of MSAL",
		"github.com/pkg/browser":                                     "of azidentity's interactive sign-in, never called",
		"golang.org/x/":                                              "of Go's own authors",
	}
	for _, p := range list(t, "./connector", "./tokensource") {
		for _, dep := range p.Deps {
			if !strings.Contains(strings.SplitN(dep, "/", 2)[0], ".") || strings.HasPrefix(dep, "vendor/") {
				continue
			}
			known := false
			for prefix := range reviewed {
				known = known || dep == prefix || strings.HasPrefix(dep, strings.TrimSuffix(prefix, "/")+"/") && prefix != module
			}
			if !known {
				t.Errorf("%s links %s, which nobody has reviewed", short(p.ImportPath), dep)
			}
		}
	}
}

// TestInterfacesAreSmall keeps what is behind one replaceable: it has at most five methods of its
// own, or is put together of some that have. What serves the directory never names the store itself.
func TestInterfacesAreSmall(t *testing.T) {
	const most = 5
	interfaces := 0
	for _, p := range shipped(t) {
		name := short(p.ImportPath)
		serves := slices.Contains([]string{"arm", "graph", "seed"}, name)
		for _, file := range p.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if of, is := n.X.(*ast.Ident); serves && is && of.Name == "directory" && n.Sel.Name == "Directory" {
						t.Errorf("%s/%s names directory.Directory: take an interface of the methods that are used", name, file)
					}
				case *ast.InterfaceType:
					interfaces++
					methods := 0
					for _, m := range n.Methods.List {
						methods += len(m.Names) // an embedded interface has none
					}
					if methods > most {
						t.Errorf("%s/%s has an interface of %d methods, more than %d", name, file, methods, most)
					}
				}
				return true
			})
		}
	}
	if interfaces < 20 {
		t.Errorf("only %d interfaces were found: the rule would prove nothing", interfaces)
	}
}

const (
	maxFileLines     = 300
	maxFunctionLines = 60
)

func TestFilesAndFunctionsStayReadable(t *testing.T) {
	commented := map[string]bool{}
	for _, p := range shipped(t) {
		name := short(p.ImportPath)
		commented[name] = commented[name] || false
		for _, file := range sources(t, p) {
			path := filepath.Join(p.Dir, file)
			fset := token.NewFileSet()
			parsed, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			if lines := fset.Position(parsed.End()).Line; lines > maxFileLines {
				t.Errorf("%s/%s has %d lines, more than %d: it holds two things", name, file, lines, maxFileLines)
			}
			commented[name] = commented[name] || parsed.Doc != nil
			for _, decl := range parsed.Decls {
				fn, is := decl.(*ast.FuncDecl)
				if !is {
					continue
				}
				lines := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
				if lines > maxFunctionLines {
					t.Errorf("%s/%s: %s has %d lines, more than %d", name, file, fn.Name.Name, lines, maxFunctionLines)
				}
			}
		}
	}
	for name, has := range commented {
		if !has {
			t.Errorf("package %q has no comment that says what it owns and what it never does", name)
		}
	}
}

// sources are all files of a package but its tests, also those for other systems.
func sources(t *testing.T, p pkg) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", p.Dir, len(paths), err)
	}
	var files []string
	for _, path := range paths {
		if !strings.HasSuffix(path, "_test.go") {
			files = append(files, filepath.Base(path))
		}
	}
	return files
}

func TestModuleIsWhatItSays(t *testing.T) {
	for _, file := range []string{"go.mod", "tools/go.mod"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(strings.TrimSpace(line), "replace ") {
				t.Errorf("%s: %q would not hold for those who import this module", file, strings.TrimSpace(line))
			}
		}
	}
}

// TestEveryDecoderIsFuzzed keeps the rule that foreign bytes meet a fuzz target
// before they meet a user.
func TestEveryDecoderIsFuzzed(t *testing.T) {
	for _, name := range []string{"internal/wire", "token", "account", "metadata", "arm", "issuer", "graph", "seed", "internal/armtemplate"} {
		found := false
		err := filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			found = found || bytes.Contains(text, []byte("\nfunc Fuzz"))
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if !found {
			t.Errorf("%s reads foreign bytes and has no fuzz target", name)
		}
	}
}
