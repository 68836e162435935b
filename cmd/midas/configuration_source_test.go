package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// readVariables are those that the program reads to hand them on or to warn about them, and
// that set nothing of its own.
var readVariables = []string{
	"CI",                         // in tests
	"SSL_CERT_FILE",              // midas env keeps a bundle that was chosen before
	"CURL_CA_BUNDLE",             // midas env warns that it is stronger
	"SSL_CERT_DIR",               // likewise
	"MYSQL_HOME", "MARIADB_HOME", // midas env writes an option file that includes theirs
	"MIDAS_SHELL", // --shell, where flags could not be understood
}

// TestVariablesAreDocumented reads the sources for what they take from the environment: each
// variable is in the table of docs/configuration.md, and each of the table is read.
func TestVariablesAreDocumented(t *testing.T) {
	read := map[string]string{}
	for _, folder := range []string{"cmd", "internal", "tokensource", "connector"} {
		eachSource(t, filepath.Join("../..", folder), func(path string, file *ast.File) {
			ast.Inspect(file, func(n ast.Node) bool {
				call, is := n.(*ast.CallExpr)
				if !is || len(call.Args) != 1 {
					return true
				}
				if f, is := call.Fun.(*ast.SelectorExpr); is && (f.Sel.Name == "Getenv" || f.Sel.Name == "LookupEnv") {
					if name, is := call.Args[0].(*ast.BasicLit); is {
						read[strings.Trim(name.Value, `"`)] = path
					}
				}
				return true
			})
		})
	}
	if len(read) < 8 {
		t.Fatalf("only %d variables are read: %v", len(read), read)
	}
	known := []string{passwordVariable, keyVariable}
	for _, v := range variables {
		if _, is := read[v[0]]; !is && !slices.Contains(known, v[0]) {
			t.Errorf("%s is documented, and nothing reads it", v[0])
		}
		known = append(known, v[0])
	}
	for name, path := range read {
		if !slices.Contains(known, name) && !slices.Contains(readVariables, name) {
			t.Errorf("%s reads %s: say in the table of variables what it does", path, name)
		}
	}
}

// eachSource parses every file below a folder that is no test.
func eachSource(t *testing.T, folder string, do func(path string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.HasSuffix(filepath.Dir(path), "test") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
		if err == nil {
			do(path, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// settingTypes are the structs that the settings file is decoded into: those of cmd and
// internal whose fields have a tag yaml, by name.
func settingTypes(t *testing.T) map[string]*ast.StructType {
	types := map[string]*ast.StructType{}
	for _, folder := range []string{"cmd", "internal"} {
		eachSource(t, filepath.Join("../..", folder), func(_ string, file *ast.File) { addSettingTypes(types, file) })
	}
	return types
}

func addSettingTypes(types map[string]*ast.StructType, file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		named, is := n.(*ast.TypeSpec)
		if !is {
			return true
		}
		of, is := named.Type.(*ast.StructType)
		if is && slices.ContainsFunc(of.Fields.List, func(f *ast.Field) bool { return yamlKey(f) != "" }) {
			types[named.Name.Name] = of
		}
		return false
	})
}

// yamlKey is the key of a field in the settings file, or "".
func yamlKey(f *ast.Field) string {
	if f.Tag == nil {
		return ""
	}
	key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml"), ",")
	return key
}

// element is the name of the type of a field, and what follows its key: [] of a list, .NAME of
// a map.
func element(of ast.Expr) (name, suffix string) {
	switch of := of.(type) {
	case *ast.Ident:
		return of.Name, ""
	case *ast.SelectorExpr:
		return of.Sel.Name, ""
	case *ast.StarExpr:
		return element(of.X)
	case *ast.ArrayType:
		name, suffix = element(of.Elt)
		return name, "[]" + suffix
	case *ast.MapType:
		name, suffix = element(of.Value)
		return name, ".NAME" + suffix
	}
	return "", ""
}

// writeFileKeys writes the keys of the settings file that no flag has: the fields of its types,
// each with its comment.
func writeFileKeys(t *testing.T, w io.Writer) {
	types := settingTypes(t)
	if len(types) > 0 {
		fmt.Fprint(w, "## Keys that are no flag's\n\n| key | meaning |\n|---|---|\n")
		writeFields(t, w, types, rootOf(t, types), "")
		fmt.Fprintln(w)
	}
}

// rootOf is the only type that no other one holds: the whole file.
func rootOf(t *testing.T, types map[string]*ast.StructType) string {
	t.Helper()
	roots := map[string]bool{}
	for name := range types {
		roots[name] = true
	}
	for _, of := range types {
		for _, f := range of.Fields.List {
			inner, _ := element(f.Type)
			delete(roots, inner)
		}
	}
	if len(roots) != 1 {
		t.Fatalf("the types of the settings file begin at %v, not at one", roots)
	}
	return slices.Collect(maps.Keys(roots))[0]
}

func writeFields(t *testing.T, w io.Writer, types map[string]*ast.StructType, name, prefix string) {
	for _, f := range types[name].Fields.List {
		key := yamlKey(f)
		if key == "" || key == "-" {
			continue
		}
		inner, suffix := element(f.Type)
		comment := strings.TrimSpace(f.Doc.Text() + " " + f.Comment.Text())
		if comment == "" {
			t.Errorf("%s.%s has no comment, and the page would not say what the key %s means", name, f.Names[0].Name, prefix+key)
		}
		fmt.Fprintf(w, "| `%s` | %s |\n", prefix+key+suffix, cell(comment))
		if types[inner] != nil {
			writeFields(t, w, types, inner, prefix+key+suffix+".")
		}
	}
}

func TestKeysOfTypesAreWritten(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "settings.go", `package p

// not of the file
type other struct{ A string }

type settings struct {
	// Servers are the servers.
	Servers []server `+"`yaml:\"servers\"`"+`
	ByName map[string]*server `+"`yaml:\"by-name,omitempty\"`"+` // by name
	hidden int
}

type server struct {
	Name string `+"`yaml:\"name\"`"+` // of the server | or so
}
`, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]*ast.StructType{}
	addSettingTypes(types, file)
	var out bytes.Buffer
	writeFields(t, &out, types, rootOf(t, types), "")
	want := "| `servers[]` | Servers are the servers. |\n| `servers[].name` | of the server \\| or so |\n" +
		"| `by-name.NAME` | by name |\n| `by-name.NAME.name` | of the server \\| or so |\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}
