package yamlfile

import (
	"testing"

	"go.yaml.in/yaml/v3"
)

type inner struct {
	URL string `yaml:"url"`
}

type outer struct {
	Name  string   `yaml:"name"`
	Inner *inner   `yaml:"inner"`
	List  []string `yaml:"list"`
}

func decode(text string) (all []outer, d *Decoded, err error) {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil || len(node.Content) == 0 {
		return nil, nil, err
	}
	d, err = Decode(node.Content[0], "all", &all)
	return all, d, err
}

func TestDecode(t *testing.T) {
	all, d, err := decode("- &a\n  name: one\n  inner: {url: 'x'}\n  list: [a, b]\n- *a\n")
	if err != nil || len(all) != 2 || all[1].Name != "one" || all[1].Inner.URL != "x" || len(all[1].List) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if got := d.Wrong("all[0].inner", ".ca", "is missing").Error(); got != "line 3: all[0].inner.ca is missing" {
		t.Error(got)
	}
	for text, want := range map[string]string{
		"x":                           "line 1: all is a list, and not an empty one",
		"[]":                          "line 1: all is a list, and not an empty one",
		"- x":                         "line 1: all[0] is a mapping",
		"- name: 1":                   "line 1: all[0].name is a text",
		"- name: ''":                  "line 1: all[0].name is a text",
		"-\n  name: a\n  nam: b":      "line 3: all[0].nam is not known",
		"-\n  '': b":                  "line 2: all[0]. is not known",
		"- {inner: {url: x, url: y}}": "line 1: all[0].inner.url is there twice",
		"- list: [a, [b]]":            "line 1: all[0].list[1] is a text",
	} {
		if _, _, err := decode(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("- {name: a, inner: {url: x}, list: [a]}")
	f.Add("- &a {name: a}\n- *a")
	f.Fuzz(func(_ *testing.T, text string) { _, _, _ = decode(text) })
}
