package azcli

import "github.com/midas-mysql/midas/internal/armclient"

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

// groupOf is the resource group in an ARM id as it stands in an answer: nil if there is none.
func groupOf(id string) any {
	if group := armclient.GroupOf(id); group != "" {
		return group
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
