package workload

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/publicnames"
	"github.com/midas-mysql/midas/internal/statedir"
)

// The ways in which az can be pointed here.
const (
	wayCloud    = "cloud"        // a cloud of its own, which az registers
	wayProxy    = "proxy"        // Azure's public cloud, through the proxy that answers for it
	wayMetadata = "metadata-url" // clouds that az reads from one URL
)

var ways = []string{wayCloud, wayProxy, wayMetadata}

// cloudName is what az calls this midas.
const cloudName = "midas"

// azEnvironment adds what points az at the running midas: variables, then commands that
// sign it in as the operator, or as the VM when there is one.
func (c *Runner) azEnvironment(way, vm string, vars []variable) ([]variable, [][]string, error) {
	running, err := statedir.ReadRunning(c.StateDir)
	if err != nil {
		return nil, nil, armclient.NotRunning(err)
	}
	// az keeps who is signed in here, apart from the user's own ~/.azure.
	dir := filepath.Join(c.StateDir, statedir.ClientDir, "az-"+way)
	if vm != "" {
		dir += "-vm-" + vm
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, midas.Errorf(midas.Internal, "make a configuration for az: %w", err)
	}
	vars = append(vars, variable{"AZURE_CONFIG_DIR", dir}, variable{"AZURE_CORE_COLLECT_TELEMETRY", "no"})
	if vm != "" && way != wayProxy {
		vars = append(vars, olderAppService(vars, vm)...)
	}
	var commands [][]string
	switch way {
	case wayCloud:
		commands, err = c.registerCloud(dir, running.Control)
	case wayProxy:
		vars, err = c.proxyVariables(vars, running, vm)
	case wayMetadata:
		// az keeps what it read there before, perhaps of an address of yesterday.
		if err := os.Remove(filepath.Join(dir, "cloudEndpoints.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, midas.Errorf(midas.Internal, "forget the clouds of az: %w", err)
		}
		vars = append(vars, variable{"ARM_CLOUD_METADATA_URL", running.Control + "/metadata/endpoints?api-version=2019-05-01"})
	}
	if err != nil {
		return nil, nil, err
	}
	login, err := c.azLogin(vm, valueOf(vars, "AZURE_CLIENT_ID"))
	return vars, append(commands, login), err
}

// olderAppService names the same endpoint and secret as az 2 knows them, App Service's
// protocol of 2017-09-01.
func olderAppService(vars []variable, vm string) []variable {
	return []variable{
		{"APPSETTING_WEBSITE_SITE_NAME", vm},
		{"MSI_ENDPOINT", valueOf(vars, "IDENTITY_ENDPOINT")},
		{"MSI_SECRET", valueOf(vars, "IDENTITY_HEADER")},
	}
}

func valueOf(vars []variable, name string) string {
	for _, v := range vars {
		if v.name == name {
			return v.value
		}
	}
	return ""
}

// azLogin signs az in. The operator's secret is in a file that az reads: on its command
// line, every user of the machine could see it.
func (c *Runner) azLogin(vm, clientID string) ([]string, error) {
	if vm != "" {
		login := []string{"az", "login", "--identity", "--allow-no-subscriptions", "--output", "none"}
		if clientID != "" { // App Service picks none by itself
			login = append(login, "--username", clientID)
		}
		return login, nil
	}
	operator, err := statedir.ReadOperator(c.StateDir)
	if err != nil {
		return nil, armclient.NotRunning(err)
	}
	secret := filepath.Join(c.StateDir, statedir.ClientDir, "az-secret")
	if err := statedir.WriteClientFile(secret, []byte(operator.ClientSecret)); err != nil {
		return nil, err
	}
	return []string{
		"az", "login", "--service-principal", "--username", operator.ClientID, "--password", "@" + secret,
		"--tenant", operator.TenantID, "--output", "none",
	}, nil
}

// registerCloud describes this midas to az, which keeps it in dir.
func (c *Runner) registerCloud(dir, control string) ([][]string, error) {
	text, err := json.MarshalIndent(map[string]any{"endpoints": map[string]string{
		"resourceManager": control, "management": control, "gallery": control + "/gallery",
		"activeDirectory": control + "/adfs", "activeDirectoryResourceId": "https://management.core.windows.net/",
		"activeDirectoryGraphResourceId": control + "/graph", "microsoftGraphResourceId": control + "/graph",
		"ossrdbmsResourceId": midas.Resource,
	}}, "", "  ")
	if err != nil {
		return nil, midas.Errorf(midas.Internal, "describe the cloud: %w", err)
	}
	file := filepath.Join(c.StateDir, statedir.ClientDir, "az-cloud.json")
	if err := statedir.WriteClientFile(file, append(text, '\n')); err != nil {
		return nil, err
	}
	verb := "register"
	if known, err := os.ReadFile(filepath.Join(dir, "clouds.config")); err == nil && strings.Contains(string(known), "["+cloudName+"]") {
		verb = "update"
	}
	return [][]string{
		{"az", "cloud", verb, "--name", cloudName, "--cloud-config", "@" + file},
		{"az", "cloud", "set", "--name", cloudName, "--only-show-errors"},
	}, nil
}

// proxyVariables send programs through the proxy for Azure's public names and, when they
// act as a VM, for its metadata endpoint.
func (c *Runner) proxyVariables(vars []variable, running statedir.Running, vm string) ([]variable, error) {
	if running.Proxy == "" {
		return nil, midas.Errorf(midas.Unavailable, "the running midas has no proxy").
			WithHint("start it with: midas up --proxy 127.0.0.1:7128")
	}
	authority, err := publicnames.OpenAuthority(statedir.AzurePath(c.StateDir))
	if err != nil {
		return nil, err
	}
	trust, err := trustVariables(c.StateDir, authority.PEM())
	if err != nil {
		return nil, err
	}
	direct := "localhost,127.0.0.1"
	vars = replaceVariables(vars, trust)
	proxy, names := running.Proxy, []string{"HTTPS_PROXY", "https_proxy"} // programs read either
	if vm != "" {
		address, err := url.Parse(running.Proxy)
		if err != nil {
			return nil, midas.Errorf(midas.Internal, "address of the proxy: %w", err)
		}
		// In both: the SDK for Node takes the first that is set for everything.
		address.User = url.UserPassword(vm, valueOf(vars, "IDENTITY_HEADER"))
		proxy, names = address.String(), append(names, "HTTP_PROXY", "http_proxy")
	}
	for _, name := range names {
		vars = append(vars, variable{name, proxy})
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		list := direct
		if before := os.Getenv(name); before != "" && !slices.Contains(strings.Split(before, ","), "127.0.0.1") {
			list = before + "," + direct
		}
		vars = append(vars, variable{name, list})
	}
	return vars, nil
}

// replaceVariables gives those that are there already their new values.
func replaceVariables(vars, with []variable) []variable {
	kept := slices.DeleteFunc(slices.Clone(vars), func(v variable) bool {
		return slices.ContainsFunc(with, func(w variable) bool { return w.name == v.name })
	})
	return append(kept, with...)
}
