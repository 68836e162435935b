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
	"github.com/midas-mysql/midas/internal/yamlfile"
)

// serversKey is the list of the settings file that declares servers. What is declared of a server
// holds from when it is made.
const serversKey = "servers"

// otherSettings is what the settings file has that no flag does.
type otherSettings struct {
	Servers []serverDeclaration `yaml:"servers"` // a list of servers, each by its name, made or not
}

type serverDeclaration struct {
	Name          string              `yaml:"name"`          // the server's name
	ResourceGroup string              `yaml:"resourceGroup"` // where the server must be; without it the first of its name has what is declared
	Backend       *backendDeclaration `yaml:"backend"`       // its database; without it, as `midas up --backend` says
	Listen        []string            `yaml:"listen"`        // a list of addresses, each with its port, that are the server's alone
}

type backendDeclaration struct {
	URL          string `yaml:"url"`          // mysql://user@host:port or unix:/path/to/socket
	PasswordFile string `yaml:"passwordFile"` // a file with the user's password, which you alone may read
	CA           string `yaml:"ca"`           // the authority of the database's certificate, for mysql:// alone
}

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
	var file struct{ Servers yaml.Node }
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, usage.Errorf("settings file %s is not YAML: %v", path, err)
	}
	if file.Servers.Kind == 0 || len(file.Servers.Content) == 0 && file.Servers.Kind == yaml.SequenceNode {
		return nil, nil
	}
	var known otherSettings
	decoded, err := yamlfile.Decode(&file.Servers, serversKey, &known.Servers)
	d := declaration{path, decoded}
	var all []stack.ServerSettings
	for i := 0; i < len(known.Servers) && err == nil; i++ {
		field := fmt.Sprintf("%s[%d]", serversKey, i)
		var one stack.ServerSettings
		if one, err = d.server(known.Servers[i], field); err == nil && slices.ContainsFunc(all, func(s stack.ServerSettings) bool { return strings.EqualFold(s.Name, one.Name) }) {
			err = d.Wrong(field, ".name", "%q is declared twice", one.Name)
		}
		all = append(all, one)
	}
	if err != nil {
		return nil, d.named(err)
	}
	return all, nil
}

// declaration is a settings file whose servers are read.
type declaration struct {
	path string
	*yamlfile.Decoded
}

// named adds file and form to an error about a field.
func (d declaration) named(err error) error {
	return usage.Errorf("settings file %s, %v", d.path, err).
		WithHint("servers: [{name: mydb, resourceGroup: myResourceGroup, backend: {url: 'mysql://user@host:port', passwordFile: PATH, ca: PATH}, listen: ['address:port']}]")
}

func (d declaration) server(declared serverDeclaration, field string) (one stack.ServerSettings, err error) {
	if declared.Name == "" {
		return one, d.Wrong(field, ".name", "is missing")
	}
	one = stack.ServerSettings{Name: declared.Name, Group: declared.ResourceGroup, Listen: declared.Listen}
	for i, address := range declared.Listen {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return one, d.Wrong(fmt.Sprintf("%s.listen[%d]", field, i), "", "is an address and a port: %v", err)
		}
	}
	if declared.Backend != nil {
		one.Backend, err = d.backend(*declared.Backend, field+".backend")
	}
	return one, err
}

func (d declaration) backend(declared backendDeclaration, field string) (*stack.ExternalBackend, error) {
	one := stack.ExternalBackend{URL: declared.URL}
	switch {
	case one.URL == "":
		return nil, d.Wrong(field, ".url", "is missing")
	case !strings.HasPrefix(one.URL, "mysql://") && !strings.HasPrefix(one.URL, "unix:"):
		return nil, d.Wrong(field, ".url", "is mysql://user@host:port or unix:/path/to/socket")
	case declared.CA != "" && !strings.HasPrefix(one.URL, "mysql://"):
		return nil, d.Wrong(field, ".ca", "is for mysql:// alone: a socket is verified by who serves it")
	}
	var err error
	if declared.PasswordFile != "" {
		if one.Password, err = readSecret(declared.PasswordFile, "the backend's password"); err != nil {
			return nil, d.Wrong(field, ".passwordFile", "%v", err)
		}
	}
	if declared.CA != "" {
		begin := "?"
		if strings.Contains(one.URL, "?") {
			begin = "&"
		}
		one.URL += begin + "ca=" + url.QueryEscape(declared.CA)
	}
	return &one, nil
}
