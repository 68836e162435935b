package midas_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/account"
	"github.com/midas-mysql/midas/backend"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/gateway"
	verifier "github.com/midas-mysql/midas/token"
)

// maxPassed is how many packages of this module a connection passes.
const maxPassed = 8

// words are what gateway imports to name, order or say something. They are given no connection and
// no principal, and import nothing of ours but each other.
var words = []string{
	"",                      // the words that parts share
	"internal/clip",         // cuts text
	"internal/clientkey",    // names the source of a connection
	"internal/lane",         // whose turn it is, of parties that are a key to it
	"internal/mysqlerr",     // numbers of errors
	"internal/throttledlog", // log lines
}

// behindGateway is what the stack gives to each interface of gateway's configuration. The
// adapters are in the stack itself.
var behindGateway = map[reflect.Type]reflect.Type{
	reflect.TypeFor[midas.Verifier]():   reflect.TypeFor[*verifier.Verifier](),
	reflect.TypeFor[midas.Feed]():       reflect.TypeFor[*directory.Directory](),
	reflect.TypeFor[gateway.Servers]():  reflect.TypeFor[*directory.Directory](),
	reflect.TypeFor[gateway.Backend]():  reflect.TypeFor[*backend.Backend](),
	reflect.TypeFor[gateway.Accounts](): reflect.TypeFor[*account.Store](),
}

// onlyBy are the packages that one way of signing in passes and the other does not.
var onlyBy = map[string]string{"token": "token", "internal/passwordthrottle": "password"}

// TestConnectionPassesFewPackages counts the packages that a connection passes between accept
// and close: gateway; what gateway imports, relay at the end, but for words; and, where gateway
// calls an interface or a function of its configuration, the package behind it. What those
// packages call in turn is not counted, nor the standard library. A connection that signs in
// with a token and one that signs in with a password are counted apart.
func TestConnectionPassesFewPackages(t *testing.T) {
	passed := map[string]bool{"gateway": true}
	for name := range behindConfig(t, reflect.TypeFor[gateway.Config]()) {
		passed[name] = true
	}
	for _, p := range shipped(t) {
		name := short(p.ImportPath)
		for _, imp := range p.Imports {
			switch {
			case !ours(imp):
			case name == "gateway" && !slices.Contains(words, short(imp)):
				passed[short(imp)] = true
			case slices.Contains(words, name) && !slices.Contains(words, short(imp)):
				t.Errorf("%s imports %s: it is more than a word", name, short(imp))
			}
		}
	}
	if !passed["internal/relay"] || !passed["internal/wire"] {
		t.Errorf("a connection passes neither wire nor relay: the count would prove nothing: %v", passed)
	}
	for _, way := range []string{"token", "password"} {
		var by []string
		for _, name := range slices.Sorted(maps.Keys(passed)) {
			if only, is := onlyBy[name]; !is || only == way {
				by = append(by, name)
			}
		}
		if len(by) > maxPassed {
			t.Errorf("a connection that signs in with a %s passes %d packages, more than %d: %s", way, len(by), maxPassed, strings.Join(by, ", "))
		}
	}
}

// behindConfig returns the packages behind the interfaces and functions of gateway's
// configuration, also of those that an interface's methods return.
func behindConfig(t *testing.T, of reflect.Type) map[string]bool {
	packages := map[string]bool{}
	var look func(what reflect.Type)
	look = func(what reflect.Type) {
		if what.Kind() == reflect.Map {
			what = what.Elem()
		}
		if pkg := what.PkgPath(); what.Kind() != reflect.Func && (what.Kind() != reflect.Interface || !ours(pkg)) {
			return
		}
		behind := behindGateway[what]
		switch {
		case behind == nil:
			packages["internal/stack"] = true
		case !behind.Implements(what):
			t.Errorf("%s is no %s", behind, what)
		default:
			packages[short(behind.Elem().PkgPath())] = true
		}
		for i := range what.NumMethod() {
			for j := range what.Method(i).Type.NumOut() {
				look(what.Method(i).Type.Out(j))
			}
		}
	}
	for i := range of.NumField() {
		look(of.Field(i).Type)
	}
	return packages
}

// TestNothingCallsBackIntoMain keeps a connection out of package main: it gives gateway
// nothing, and the stack values alone. The only function among them is the clock.
func TestNothingCallsBackIntoMain(t *testing.T) {
	var stack, program pkg
	for _, p := range shipped(t) {
		switch short(p.ImportPath) {
		case "internal/stack":
			stack = p
		case "cmd/midas":
			program = p
		}
	}
	given := map[string]bool{} // types of the stack that package main names, and what they hold
	for _, selector := range selectors(t, program) {
		switch of, name := selector[0], selector[1]; {
		case of == "gateway" && !strings.HasPrefix(name, "Default"):
			t.Errorf("cmd/midas uses gateway.%s: the stack configures the gateway", name)
		case of == "stack":
			given[name] = true
		}
	}
	structs := structsOf(t, stack)
	for more := true; more; {
		more = false
		for name := range maps.Clone(given) {
			for _, f := range structs[name] {
				if held, is := f.Type.(*ast.Ident); is && ast.IsExported(f.Names[0].Name) && !given[held.Name] {
					given[held.Name], more = true, true
				}
			}
		}
	}
	seen := 0
	for name := range given {
		for _, f := range structs[name] {
			seen++
			if f.Names[0].IsExported() && f.Names[0].Name != "Now" && calls(f.Type) {
				t.Errorf("package main gives the stack a function, %s.%s", name, f.Names[0].Name)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d fields of what package main gives the stack were looked at", seen)
	}
}

// calls tells whether a value of a type may lead to code of its giver: by functions or interfaces, in
// whatever they are. The log and what libraries declare are not looked into.
func calls(of ast.Expr) bool {
	found := false
	ast.Inspect(of, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncType, *ast.InterfaceType:
			found = true
		}
		return !found
	})
	return found
}

// selectors returns what a package names of others, as package and name.
func selectors(t *testing.T, p pkg) (all [][2]string) {
	for _, file := range parsed(t, p) {
		ast.Inspect(file, func(n ast.Node) bool {
			if s, is := n.(*ast.SelectorExpr); is {
				if of, is := s.X.(*ast.Ident); is {
					all = append(all, [2]string{of.Name, s.Sel.Name})
				}
			}
			return true
		})
	}
	return all
}

// structsOf returns the fields of the struct types of a package, by the type's name.
func structsOf(t *testing.T, p pkg) map[string][]*ast.Field {
	structs := map[string][]*ast.Field{}
	for _, file := range parsed(t, p) {
		ast.Inspect(file, func(n ast.Node) bool {
			if named, is := n.(*ast.TypeSpec); is {
				if of, is := named.Type.(*ast.StructType); is {
					structs[named.Name.Name] = slices.DeleteFunc(slices.Clone(of.Fields.List), func(f *ast.Field) bool { return len(f.Names) == 0 })
				}
			}
			return true
		})
	}
	return structs
}

func parsed(t *testing.T, p pkg) (files []*ast.File) {
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
