package midas_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gatewayOrder is the order in which package gateway is read: its files in the order of a
// connection's life, then what several of its states use. Whatever a file needs is in one
// below it.
var gatewayOrder = []string{
	// A connection's life.
	"gateway.go", "config.go", "connection.go", "greeting.go", "listenertls.go", "receive.go",
	"signin.go", "native.go", "chooseserver.go", "admit.go", "enter.go", "login.go",
	"session.go", "changeuser.go", "statements.go", "parse.go", "kill.go", "sslstatus.go", "follow.go",
	"recheck.go", "drain.go",
	// What several states use.
	"exchange.go", "fence.go", "stream.go", "sessions.go", "signedin.go", "client.go", "limits.go",
	"least.go", "backends.go", "turns.go", "underway.go", "shares.go", "plane.go", "errors.go", "doc.go",
}

// maxGatewayArrowsUp is how many pairs of files may have an arrow that runs back up. They
// are those of COM_CHANGE_USER, which signs in again in the middle of a session.
const maxGatewayArrowsUp = 2

// TestGatewayIsReadFromTopToBottom counts the arrows between files of package gateway that run
// back up: a file that uses what a file above it declares. Such arrows make knots, in which
// nothing can be understood or changed alone.
func TestGatewayIsReadFromTopToBottom(t *testing.T) {
	files := map[string]*ast.File{}
	fset := token.NewFileSet()
	for _, p := range list(t, "./gateway") {
		for _, name := range p.GoFiles {
			parsed, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = parsed
		}
	}
	for name := range files {
		if !slices.Contains(gatewayOrder, name) {
			t.Errorf("gateway/%s has no place in the order of a connection's life: give it one here", name)
		}
	}
	for _, name := range gatewayOrder {
		if files[name] == nil {
			t.Errorf("gateway/%s is in the order and does not exist", name)
		}
	}
	up, all := map[string]string{}, 0
	for arrow, what := range arrowsBetween(fset, files) {
		all++
		if slices.Index(gatewayOrder, arrow[0]) > slices.Index(gatewayOrder, arrow[1]) {
			up[arrow[0]+" → "+arrow[1]] = what
		}
	}
	if all < len(files) {
		t.Errorf("only %d arrows were found between %d files: the count proves nothing", all, len(files))
	}
	if len(up) > maxGatewayArrowsUp {
		t.Errorf("%d arrows of package gateway run back up, more than %d", len(up), maxGatewayArrowsUp)
		for arrow, what := range up {
			t.Errorf("%s: %s", arrow, what)
		}
	}
}

// arrowsBetween returns which files of a package use what which other files of it declare,
// each with one thing that is so used. Fields and methods are looked at as well. Other packages
// are taken for empty: what their types hide is declared elsewhere.
func arrowsBetween(fset *token.FileSet, files map[string]*ast.File) map[[2]string]string {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: emptyPackages{}, Error: func(error) {}}
	pkg, _ := config.Check("gateway", fset, slices.Collect(values(files)), info)
	arrows := map[[2]string]string{}
	for used, object := range info.Uses {
		if object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		from, to := filepath.Base(fset.Position(used.Pos()).Filename), filepath.Base(fset.Position(object.Pos()).Filename)
		if from == to {
			continue
		}
		arrow := [2]string{from, to}
		if what := arrows[arrow]; what == "" || object.Name() < what {
			arrows[arrow] = object.Name()
		}
	}
	return arrows
}

func values(files map[string]*ast.File) func(yield func(*ast.File) bool) {
	return func(yield func(*ast.File) bool) {
		for _, file := range files {
			if !yield(file) {
				return
			}
		}
	}
}

// emptyPackages imports every package as one that declares nothing.
type emptyPackages struct{}

func (emptyPackages) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, path[strings.LastIndexByte(path, '/')+1:])
	p.MarkComplete()
	return p, nil
}
