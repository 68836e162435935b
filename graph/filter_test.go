package graph

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/directory"
)

func TestFilters(t *testing.T) {
	type c = directory.Condition
	eq := func(property string, value any) c { return c{Op: directory.OpEqual, Property: property, Value: value} }
	prefix := func(property, value string) c { return c{Op: directory.OpPrefix, Property: property, Value: value} }
	anyOf := func(property, value string) c { return c{Op: directory.OpAny, Property: property, Value: value} }
	and := func(of ...c) c { return c{Op: directory.OpAnd, Of: of} }
	or := func(of ...c) c { return c{Op: directory.OpOr, Of: of} }
	not := func(of c) c { return c{Op: directory.OpNot, Of: []c{of}} }
	const id = "00000003-0000-0000-c000-000000000000"
	for text, want := range map[string]c{
		`displayName eq 'a'`:                                    eq("displayName", "a"),
		`displayName eq 'O''Neill '''`:                          eq("displayName", "O'Neill '"),
		` displayName  EQ 'ä (or) and' `:                        eq("displayName", "ä (or) and"),
		`accountEnabled eq true`:                                eq("accountEnabled", true),
		`mail ne null`:                                          not(eq("mail", nil)),
		`appId eq ` + id:                                        eq("appId", id),
		`startswith(displayName,'a')`:                           prefix("displayName", "a"),
		`startsWith( displayName , 'a' )`:                       prefix("displayName", "a"),
		`servicePrincipalNames/any(c:c eq 'x')`:                 anyOf("servicePrincipalNames", "x"),
		`identifierUris/any(s: s eq 'api://x')`:                 anyOf("identifierUris", "api://x"),
		`id in ('a', 'b')`:                                      or(eq("id", "a"), eq("id", "b")),
		`a eq '1' and b eq '2' and c eq '3'`:                    and(eq("a", "1"), eq("b", "2"), eq("c", "3")),
		`a eq '1' or b eq '2' and c eq '3'`:                     or(eq("a", "1"), and(eq("b", "2"), eq("c", "3"))),
		`(a eq '1' or b eq '2') and c eq '3'`:                   and(or(eq("a", "1"), eq("b", "2")), eq("c", "3")),
		`not (a eq '1')`:                                        not(eq("a", "1")),
		`not startswith(a,'1') and b eq false`:                  and(not(prefix("a", "1")), eq("b", false)),
		`displayName eq 'x' and mailNickname eq 'y'`:            and(eq("displayName", "x"), eq("mailNickname", "y")),
		`displayname eq 'test' and servicePrincipalType eq 'A'`: and(eq("displayname", "test"), eq("servicePrincipalType", "A")),
	} {
		got, err := parseFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{
		``, ` `, `a`, `a eq`, `a eq b`, `'a' eq 'b'`, `a eq 'b`, `a eq 'b''`, `a eq 'b' and`, `a eq 'b' c`, `a eq 'b')`, `(a eq 'b'`, `()`,
		`a gt 'b'`, `a eq 1`, `not`, `and`, `a/b eq 'c'`, `a/all(x:x eq 'y')`, `a/any()`, `a/any(x:y eq 'z')`, `a/any(x:x ne 'z')`,
		`endswith(a,'b')`, `contains(a,'b')`, `startswith(a)`, `startswith(a,true)`, `startswith('a','b')`, `a in ()`, `a in ('b'`, `a in 'b'`,
		`a eq "b"`, "a eq 'b\xff'", `-a eq 'b'`, `1 eq 1`, `a eq 'b'; drop table user`,
		strings.Repeat("(", 100) + `a eq 'b'` + strings.Repeat(")", 100),
		strings.Repeat("not ", 100) + `a eq 'b'`,
		`a eq 'b'` + strings.Repeat(` or a eq 'b'`, 200),
		`a in ('b'` + strings.Repeat(`,'b'`, 200) + `)`,
		`a eq '` + strings.Repeat("b", maxFilter) + `'`,
	} {
		if got, err := parseFilter(text); err == nil {
			t.Errorf("%.60q was taken for %+v", text, got)
		}
	}
}

// FuzzFilter: what is taken is bounded in depth and terms, has what each operation
// needs, and means the same to the directory as any other condition.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`displayName eq 'a' and not (mail ne null or startswith(userPrincipalName,'b'))`,
		`servicePrincipalNames/any(c:c eq 'it''s') or id in ('a','b')`, `((((((a eq true))))))`, `a eq 'ä' and`, `'`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseFilter(text)
		if err != nil {
			if faultOf(err).status != 400 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		terms := 0
		var walk func(c directory.Condition, depth int)
		walk = func(c directory.Condition, depth int) {
			if depth > 4*maxFilterDepth {
				t.Fatalf("%q is nested without end", text)
			}
			switch c.Op {
			case directory.OpAnd, directory.OpOr, directory.OpNot:
				if len(c.Of) == 0 || c.Op == directory.OpNot && len(c.Of) != 1 {
					t.Fatalf("%q: %s joins %d", text, c.Op, len(c.Of))
				}
				for _, inner := range c.Of {
					walk(inner, depth+1)
				}
			case directory.OpEqual, directory.OpPrefix, directory.OpAny:
				if terms++; c.Property == "" || terms > 2*maxFilterTerms {
					t.Fatalf("%q: %+v, term %d", text, c, terms)
				}
			default:
				t.Fatalf("%q: operation %q", text, c.Op)
			}
		}
		walk(c, 0)
	})
}
