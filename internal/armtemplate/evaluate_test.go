package armtemplate

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testEvaluation() *Evaluation {
	return &Evaluation{
		Subscription:  object{"id": "/subscriptions/s", "subscriptionId": "s", "tenantId": "t"},
		ResourceGroup: object{"id": "/subscriptions/s/resourceGroups/g", "name": "g", "location": "eastus"},
		Parameters:    map[string]any{"Name": "vm", "list": []any{"a", "b"}},
		Variables: map[string]any{
			"prefix": "[concat(parameters('name'), '-')]", "loop": "[variables('loop')]",
			"d0": strings.Repeat("x", 1000), "d1": "[concat(variables('d0'), variables('d0'))]", "d2": "[concat(variables('d1'), variables('d1'))]",
			"d3": "[concat(variables('d2'), variables('d2'))]", "d4": "[concat(variables('d3'), variables('d3'))]", "d5": "[concat(variables('d4'), variables('d4'))]",
			"d6": "[concat(variables('d5'), variables('d5'))]", "d7": "[concat(variables('d6'), variables('d6'))]", "d8": "[concat(variables('d7'), variables('d7'))]",
		},
		Reference: func(id string) (object, error) {
			return object{"id": id, "properties": object{"color": "red"}, "identity": object{"principalId": "p"}}, nil
		},
	}
}

func TestExpressions(t *testing.T) {
	for text, want := range map[string]any{
		"plain":                "plain",
		"[[concat]":            "[concat]",
		"":                     "",
		"[parameters('NAME')]": "vm",
		"[concat('it''s ', 2, ' ', parameters('name'))]":               "it's 2 vm",
		"[ toUpper( variables( 'prefix' ) ) ]":                         "VM-",
		"[concat(parameters('list'), parameters('list'))[3]]":          "b",
		"[resourceGroup().LOCATION]":                                   "eastus",
		"[subscription()['tenantId']]":                                 "t",
		"[resourceId('Microsoft.Network/virtualNetworks', 'n')]":       "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n",
		"[resourceId('h', 'Microsoft.Network/virtualNetworks', 'n')]":  "/subscriptions/s/resourceGroups/h/providers/Microsoft.Network/virtualNetworks/n",
		"[resourceId('u', 'h', 'A.B/c/d', 'n', 'm')]":                  "/subscriptions/u/resourceGroups/h/providers/A.B/c/n/d/m",
		"[reference(resourceId('A.B/c', 'n'), '2020-01-01').color]":    "red",
		"[reference('/x', '2020-01-01', 'Full').identity.principalId]": "p",
		"[concat(reference('/x').color, '!')]":                         "red!",
		"[-3]":                                                         int64(-3),
	} {
		got, err := testEvaluation().Value(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
}

func TestRefusedExpressions(t *testing.T) {
	for text, want := range map[string]string{
		"[uniqueString('x')]":                      "the function 'uniqueString' is not known here",
		"[copyIndex()]":                            "the function 'copyIndex' is not known here",
		"[parameters('other')]":                    "no parameter 'other'",
		"[variables('other')]":                     "no variable 'other'",
		"[variables('loop')]":                      "nest too deep",
		"[variables('d8')]":                        "makes too much",
		"[concat('a', parameters('list'))]":        "not both",
		"[concat(resourceGroup())]":                "takes texts",
		"[resourceGroup('x')]":                     "takes nothing",
		"[resourceId('A.B/c', 'n', 'm')]":          "not of as many parts",
		"[resourceId('n')]":                        "takes a type",
		"[reference('name')]":                      "takes a resource's id",
		"[resourceGroup().color]":                  "no member 'color'",
		"[parameters('list')[2]]":                  "no member '2'",
		"[parameters('list')[-1]]":                 "no member '-1'",
		"[toLower(1)]":                             "takes one text",
		"[concat('a]":                              "a quote is not closed",
		"[concat('a']":                             "a ',' or ')' is missing",
		"[concat]":                                 "a '(' is missing",
		"[]":                                       "ends early",
		"['a' 'b']":                                "something follows",
		"[99999999999999999999]":                   "the number is none",
		"[" + strings.Repeat("toLower(", 99) + "]": "nests too deep",
		"[a()" + strings.Repeat(".a", 99) + "]":    "nests too deep",
	} {
		got, err := testEvaluation().Value(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", text, got, err, want)
		}
	}
}

// Clients write templates: whatever one holds must end in a value or an error.
func FuzzTemplate(f *testing.F) {
	vm, err := os.ReadFile("testdata/vm.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(vm), `{"resources": [{"type": "A/b", "name": "[concat('a', 'b')]", "dependsOn": ["ab"]}]}`,
		`{"variables": {"a": "[variables('a')]"}, "outputs": {"o": {"type": "string", "value": "[variables('a')]"}}}`,
	} {
		f.Add(seed, "[concat(parameters('a'), resourceId('A/b', 'c').x[1])]")
	}
	f.Fuzz(func(_ *testing.T, text, expression string) {
		e := testEvaluation()
		_, _ = e.Value(expression)
		t, err := Parse(json.RawMessage(text))
		if err != nil {
			return
		}
		_, _ = t.ParameterValues(nil)
		_, _ = t.OutputValues(e)
		e.Variables = t.Variables
		steps, _ := t.Steps(e)
		steps, _ = Order(e, steps)
		for _, s := range steps {
			_, _ = s.Resource.Body(e)
		}
	})
}
