package main

import "strings"

// flattened gives an ARM answer az's form: what ARM holds in "properties" stands
// beside the rest, the resource group is named, and the keys in always are there
// even when ARM left them out.
func flattened(body map[string]any, always ...string) map[string]any {
	flat := map[string]any{}
	for key, value := range body {
		if key != "properties" {
			flat[key] = value
		}
	}
	properties, _ := body["properties"].(map[string]any)
	for key, value := range properties {
		if _, taken := flat[key]; !taken {
			flat[key] = value
		}
	}
	if id, ok := body["id"].(string); ok {
		flat["resourceGroup"] = groupOf(id)
	}
	for _, key := range always {
		if _, has := flat[key]; !has {
			flat[key] = nil
		}
	}
	return flat
}

// groupOf returns the resource group in an ARM id, nil if there is none.
func groupOf(id string) any {
	parts := strings.Split(id, "/")
	if len(parts) > 4 && strings.EqualFold(parts[3], "resourceGroups") {
		return parts[4]
	}
	return nil
}

// shaped returns an answer in the form that az prints for this kind.
func (k kind) shaped(answer any) any {
	body, ok := answer.(map[string]any)
	if !ok {
		return answer
	}
	return k.shape(body)
}

// member returns body's member at a path, nil when it is not there.
func member(body any, path ...string) any {
	for _, key := range path {
		object, _ := body.(map[string]any)
		body = object[key]
	}
	return body
}

// words returns a text member of body, "" when it is not there.
func words(body any, path ...string) string {
	s, _ := member(body, path...).(string)
	return s
}
