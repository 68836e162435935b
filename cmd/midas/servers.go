package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/midas-mysql/midas/internal/stack"
	"github.com/midas-mysql/midas/internal/usage"
)

// serversKey is the list of the settings file that declares servers:
//
//	servers:
//	- name: mydb
//	  resourceGroup: myResourceGroup
//	  backend: {url: 'mysql://midas@db1:3306', passwordFile: /etc/midas/db.pw, ca: /etc/midas/db-ca.pem}
//	  listen: ['127.0.0.1:7307']
//
// What is declared of a server holds from when it is made.
const serversKey = "servers"

// declaredServers reads the list from the file named by --config, if any. Its errors name file,
// line and field.
func declaredServers(cmd *cobra.Command) ([]stack.ServerSettings, error) {
	path := settingsPath(cmd)
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage.Errorf("read settings: %v", err)
	}
	var file struct {
		Servers yaml.Node `yaml:"servers"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, usage.Errorf("settings file %s is not YAML: %v", path, err)
	}
	if file.Servers.Kind == 0 {
		return nil, nil
	}
	if file.Servers.Kind != yaml.SequenceNode {
		return nil, declaration{path}.wrong(&file.Servers, serversKey, "is a list of servers: - name: mydb")
	}
	var all []stack.ServerSettings
	for i, node := range file.Servers.Content {
		one, err := declaration{path}.server(node, fmt.Sprintf("%s[%d]", serversKey, i))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(s stack.ServerSettings) bool { return strings.EqualFold(s.Name, one.Name) }) {
			return nil, declaration{path}.wrong(node, fmt.Sprintf("%s[%d].name", serversKey, i), "%q is declared twice", one.Name)
		}
		all = append(all, one)
	}
	return all, nil
}

// declaration is a settings file whose servers are read.
type declaration struct{ path string }

func (d declaration) wrong(at *yaml.Node, field, format string, args ...any) error {
	return usage.Errorf("settings file %s, line %d: %s %s", d.path, at.Line, field, fmt.Sprintf(format, args...)).
		WithHint("servers: [{name: mydb, resourceGroup: myResourceGroup, backend: {url: 'mysql://user@host:port', passwordFile: PATH, ca: PATH}, listen: ['address:port']}]")
}

// fields reads a mapping, each field by the function of its name.
func (d declaration) fields(node *yaml.Node, field string, known map[string]func(at *yaml.Node, field string) error) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return d.wrong(node, field, "is a mapping")
	}
	seen := map[string]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := field + "." + key.Value
		read, ok := known[key.Value]
		switch {
		case !ok:
			return d.wrong(key, name, "is not known")
		case seen[key.Value]:
			return d.wrong(key, name, "is there twice")
		}
		seen[key.Value] = true
		if err := read(value, name); err != nil {
			return err
		}
	}
	return nil
}

func (d declaration) text(into *string) func(*yaml.Node, string) error {
	return func(at *yaml.Node, field string) error {
		if at.Kind != yaml.ScalarNode || at.Tag != "!!str" || at.Value == "" {
			return d.wrong(at, field, "is a text")
		}
		*into = at.Value
		return nil
	}
}

func (d declaration) server(node *yaml.Node, field string) (one stack.ServerSettings, err error) {
	err = d.fields(node, field, map[string]func(*yaml.Node, string) error{
		"name": d.text(&one.Name), "resourceGroup": d.text(&one.Group),
		"backend": func(at *yaml.Node, field string) (err error) {
			one.Backend, err = d.backend(at, field)
			return err
		},
		"listen": func(at *yaml.Node, field string) (err error) {
			one.Listen, err = d.listen(at, field)
			return err
		},
	})
	if err == nil && one.Name == "" {
		err = d.wrong(node, field+".name", "is missing")
	}
	return one, err
}

func (d declaration) backend(node *yaml.Node, field string) (*stack.ExternalBackend, error) {
	var one stack.ExternalBackend
	var passwordFile, ca string
	err := d.fields(node, field, map[string]func(*yaml.Node, string) error{
		"url": d.text(&one.URL), "passwordFile": d.text(&passwordFile), "ca": d.text(&ca),
	})
	switch {
	case err != nil:
		return nil, err
	case one.URL == "":
		return nil, d.wrong(node, field+".url", "is missing")
	case !strings.HasPrefix(one.URL, "mysql://") && !strings.HasPrefix(one.URL, "unix:"):
		return nil, d.wrong(node, field+".url", "is mysql://user@host:port or unix:/path/to/socket")
	case ca != "" && !strings.HasPrefix(one.URL, "mysql://"):
		return nil, d.wrong(node, field+".ca", "is for mysql:// alone: a socket is verified by who serves it")
	}
	if passwordFile != "" {
		if one.Password, err = readSecret(passwordFile, "the backend's password"); err != nil {
			return nil, d.wrong(node, field+".passwordFile", "%v", err)
		}
	}
	if ca != "" {
		begin := "?"
		if strings.Contains(one.URL, "?") {
			begin = "&"
		}
		one.URL += begin + "ca=" + url.QueryEscape(ca)
	}
	return &one, nil
}

func (d declaration) listen(node *yaml.Node, field string) (all []string, err error) {
	if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		return nil, d.wrong(node, field, "is a list of addresses")
	}
	for i, at := range node.Content {
		var address string
		name := fmt.Sprintf("%s[%d]", field, i)
		if err := d.text(&address)(at, name); err != nil {
			return nil, err
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, d.wrong(at, name, "is an address and a port: %v", err)
		}
		all = append(all, address)
	}
	return all, nil
}
