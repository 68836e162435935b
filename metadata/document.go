package metadata

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
)

// object is a JSON object that keeps its order. Its values are text, objects and lists:
// IMDS has no numbers, and what is not known is empty text.
type object []member

type member struct {
	name  string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// describe is the document of a machine in one version of IMDS: what the directory
// knows of it, and empty text for what only real hardware has. It has no network
// interface: a machine that is a record has none.
func describe(w midas.Workload, version string) object {
	top := object{{"compute", compute(w, version)}}
	if version >= "2017-04-02" {
		top = append(top, member{"network", object{{"interface", []any{}}}})
	}
	return top
}

// field is one member of the compute document.
type field struct {
	name, introduced string
	value            func(body, midas.Workload, string) any
}

// computeFields are in Azure's order, with the version that each came with.
// Source: Microsoft Learn, "Azure Instance Metadata Service", schema of compute.
var computeFields = []field{
	{"additionalCapabilities", "2021-11-01", func(b body, _ midas.Workload, _ string) any {
		return object{{"hibernationEnabled", b.flag("additionalCapabilities.hibernationEnabled")}}
	}},
	{"azEnvironment", "2018-10-01", constant("AzurePublicCloud")},
	{"customData", "2019-02-01", constant("")},
	{"evictionPolicy", "2020-12-01", text("evictionPolicy")},
	{"extendedLocation", "2021-03-01", func(b body, _ midas.Workload, _ string) any {
		return object{{"name", b.outer("extendedLocation.name")}, {"type", b.outer("extendedLocation.type")}}
	}},
	{"host", "2021-11-15", func(b body, _ midas.Workload, _ string) any { return object{{"id", b.text("host.id")}} }},
	{"hostGroup", "2021-11-15", func(b body, _ midas.Workload, _ string) any { return object{{"id", b.text("hostGroup.id")}} }},
	{"isHostCompatibilityLayerVm", "2020-06-01", constant("false")},
	{"licenseType", "2020-09-01", text("licenseType")},
	{"location", "2017-04-02", func(_ body, w midas.Workload, _ string) any { return w.Location }},
	{"name", "2017-04-02", func(_ body, w midas.Workload, _ string) any { return w.Name }},
	{"offer", "2017-04-02", text("storageProfile.imageReference.offer")},
	{"osProfile", "2020-07-15", osProfile},
	{"osType", "2017-04-02", func(b body, _ midas.Workload, _ string) any { return b.osType() }},
	{"physicalZone", "2023-11-15", constant("")},
	{"placementGroupId", "2017-08-01", constant("")},
	{"plan", "2018-04-02", func(b body, _ midas.Workload, _ string) any {
		return object{{"name", b.outer("plan.name")}, {"product", b.outer("plan.product")}, {"publisher", b.outer("plan.publisher")}}
	}},
	{"platformFaultDomain", "2017-04-02", text("platformFaultDomain")},
	{"platformSubFaultDomain", "2021-10-01", constant("")},
	{"platformUpdateDomain", "2017-04-02", constant("")},
	{"priority", "2020-12-01", text("priority")},
	{"provider", "2018-10-01", constant("Microsoft.Compute")},
	{"publicKeys", "2018-04-02", publicKeys},
	{"publisher", "2017-04-02", text("storageProfile.imageReference.publisher")},
	{"resourceGroupName", "2017-08-01", func(_ body, w midas.Workload, _ string) any { return segmentAfter(w.ResourceID, "resourceGroups") }},
	{"resourceId", "2019-03-11", func(_ body, w midas.Workload, _ string) any { return w.ResourceID }},
	{"securityProfile", "2020-06-01", securityProfile},
	{"sku", "2017-04-02", text("storageProfile.imageReference.sku")},
	{"storageProfile", "2019-06-01", storageProfile},
	{"subscriptionId", "2017-08-01", func(_ body, w midas.Workload, _ string) any { return segmentAfter(w.ResourceID, "subscriptions") }},
	{"tags", "2017-08-01", func(_ body, w midas.Workload, _ string) any { return tagText(w.Tags) }},
	{"tagsList", "2019-06-04", func(_ body, w midas.Workload, _ string) any { return tagList(w.Tags) }},
	{"userData", "2021-01-01", text("userData")},
	{"version", "2017-04-02", text("storageProfile.imageReference.version")},
	{"virtualMachineScaleSet", "2021-03-01", func(b body, _ midas.Workload, _ string) any {
		return object{{"id", b.text("virtualMachineScaleSet.id")}}
	}},
	{"vmId", "2017-04-02", func(_ body, w midas.Workload, _ string) any { return w.VMID }},
	{"vmScaleSetName", "2017-12-01", constant("")},
	{"vmSize", "2017-04-02", text("hardwareProfile.vmSize")},
	{"zone", "2017-12-01", func(b body, _ midas.Workload, _ string) any { return b.outer("zones.0") }},
}

func compute(w midas.Workload, version string) object {
	b := readBody(w.Body)
	var out object
	for _, f := range computeFields {
		// The first version had what the second one documents.
		if version >= f.introduced || f.introduced == "2017-04-02" {
			out = append(out, member{f.name, f.value(b, w, version)})
		}
	}
	return out
}

func constant(value string) func(body, midas.Workload, string) any {
	return func(body, midas.Workload, string) any { return value }
}

func text(path string) func(body, midas.Workload, string) any {
	return func(b body, _ midas.Workload, _ string) any { return b.text(path) }
}

func osProfile(b body, w midas.Workload, version string) any {
	name := b.text("osProfile.computerName")
	if name == "" {
		name = w.Name
	}
	out := object{{"adminUsername", b.text("osProfile.adminUsername")}, {"computerName", name}}
	if version >= "2020-10-01" {
		out = append(out, member{"disablePasswordAuthentication", b.text("osProfile.linuxConfiguration.disablePasswordAuthentication")})
	}
	return out
}

func securityProfile(b body, _ midas.Workload, version string) any {
	var out object
	if version >= "2021-11-01" {
		out = append(out, member{"encryptionAtHost", b.flag("securityProfile.encryptionAtHost")})
	}
	out = append(out, member{"secureBootEnabled", b.flag("securityProfile.uefiSettings.secureBootEnabled")})
	if version >= "2021-12-13" {
		out = append(out, member{"securityType", b.text("securityProfile.securityType")})
	}
	return append(out, member{"virtualTpmEnabled", b.flag("securityProfile.uefiSettings.vTpmEnabled")})
}

func storageProfile(b body, _ midas.Workload, version string) any {
	const image, disk = "storageProfile.imageReference.", "storageProfile.osDisk."
	reference := object{
		{"id", b.text(image + "id")},
		{"offer", b.text(image + "offer")},
		{"publisher", b.text(image + "publisher")},
		{"sku", b.text(image + "sku")},
		{"version", b.text(image + "version")},
	}
	if version >= "2023-07-01" {
		reference = append(reference, member{"communityGalleryImageId", b.text(image + "communityGalleryImageId")},
			member{"sharedGalleryImageId", b.text(image + "sharedGalleryImageId")}, member{"exactVersion", b.text(image + "exactVersion")})
	}
	out := object{
		{"dataDisks", []any{}},
		{"imageReference", reference},
		{"osDisk", object{
			{"caching", b.text(disk + "caching")},
			{"createOption", b.text(disk + "createOption")},
			{"diffDiskSettings", object{{"option", b.text(disk + "diffDiskSettings.option")}}},
			{"diskSizeGB", b.text(disk + "diskSizeGB")},
			{"image", object{{"uri", ""}}},
			{"managedDisk", object{{"id", b.text(disk + "managedDisk.id")}, {"storageAccountType", b.text(disk + "managedDisk.storageAccountType")}}},
			{"name", b.text(disk + "name")},
			{"osType", b.osType()},
			{"vhd", object{{"uri", ""}}},
			{"writeAcceleratorEnabled", b.flag(disk + "writeAcceleratorEnabled")},
		}},
	}
	if version >= "2021-02-01" {
		out = append(out, member{"resourceDisk", object{{"size", "0"}}})
	}
	return out
}

func publicKeys(b body, _ midas.Workload, _ string) any {
	keys := []any{}
	list, _ := b.at("properties.osProfile.linuxConfiguration.ssh.publicKeys").([]any)
	for _, key := range list {
		if k, ok := key.(map[string]any); ok {
			data, _ := k["keyData"].(string)
			path, _ := k["path"].(string)
			keys = append(keys, object{{"keyData", data}, {"path", path}})
		}
	}
	return keys
}

func tagNames(tags map[string]string) []string {
	names := make([]string, 0, len(tags))
	for name := range tags {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func tagText(tags map[string]string) string {
	var parts []string
	for _, name := range tagNames(tags) {
		parts = append(parts, name+":"+tags[name])
	}
	return strings.Join(parts, ";")
}

func tagList(tags map[string]string) []any {
	list := []any{}
	for _, name := range tagNames(tags) {
		list = append(list, object{{"name", name}, {"value", tags[name]}})
	}
	return list
}

// segmentAfter returns what follows a word in an ARM id.
func segmentAfter(id, word string) string {
	parts := strings.Split(id, "/")
	for i := 0; i+1 < len(parts); i++ {
		if strings.EqualFold(parts[i], word) {
			return parts[i+1]
		}
	}
	return ""
}
