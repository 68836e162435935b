package metadata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// body is what the machine's maker said, in Resource Manager's form.
type body struct{ root any }

func readBody(raw []byte) body {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var b body
	_ = decoder.Decode(&b.root) // the directory holds well-formed objects only
	return b
}

// at follows a dotted path of names, without case, and of indexes.
func (b body) at(path string) any {
	at := b.root
	for step := range strings.SplitSeq(path, ".") {
		switch here := at.(type) {
		case map[string]any:
			at = nil
			for name, value := range here {
				if strings.EqualFold(name, step) {
					at = value
				}
			}
		case []any:
			at = nil
			if step == "0" && len(here) > 0 {
				at = here[0]
			}
		default:
			return nil
		}
	}
	return at
}

// outer is a leaf as text, "" when it is not there.
func (b body) outer(path string) string {
	switch value := b.at(path).(type) {
	case string:
		return value
	case json.Number, bool:
		return fmt.Sprint(value)
	}
	return ""
}

// text is outer below properties, where Resource Manager keeps most.
func (b body) text(path string) string { return b.outer("properties." + path) }

// flag is a switch that is off unless somebody said that it is on.
func (b body) flag(path string) string {
	if b.text(path) == "true" {
		return "true"
	}
	return "false"
}

func (b body) osType() string {
	switch kind := b.text("storageProfile.osDisk.osType"); {
	case kind != "":
		return kind
	case b.at("properties.osProfile.windowsConfiguration") != nil:
		return "Windows"
	}
	return "Linux"
}
