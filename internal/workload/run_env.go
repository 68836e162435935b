package workload

import (
	"os"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/internal/publicnames"
)

// elsewhere are variables that point Azure SDKs and MySQL clients to places other
// than those of a VM; they would win over what the private network serves.
var elsewhere = []string{
	"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
	"AZURE_POD_IDENTITY_AUTHORITY_HOST", "AZURE_FEDERATED_TOKEN_FILE", "MYSQL_HOST", "MYSQL_TCP_PORT",
}

// insideEnvironment is the environment of the command on the VM.
func insideEnvironment(environ []string, vm string, servers []Server, trust []variable) []string {
	direct := append([]string{publicnames.Metadata, "localhost", "127.0.0.1", ".mysql.database.azure.com"}, publicnames.All()...)
	for _, s := range servers {
		direct = append(direct, s.Name, s.fqdn)
	}
	vars := append([]variable{{"MIDAS_VM", vm}}, trust...)
	for _, name := range []string{"NO_PROXY", "no_proxy"} { // programs read either
		list := strings.Join(direct, ",")
		if before := os.Getenv(name); before != "" {
			list = before + "," + list
		}
		vars = append(vars, variable{name, list})
	}
	kept := make([]string, 0, len(environ))
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.Contains(elsewhere, name) {
			kept = append(kept, kv)
		}
	}
	return withVariables(kept, vars)
}

// withVariables sets vars in an environment, in place of those of the same name, and takes
// away those that are to be absent.
func withVariables(environ []string, vars []variable) []string {
	set := make([]string, 0, len(vars))
	for _, v := range vars {
		set = append(set, v.name)
	}
	out := make([]string, 0, len(environ)+len(vars))
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if !slices.Contains(set, name) {
			out = append(out, kv)
		}
	}
	for _, v := range vars {
		if !v.absent() {
			out = append(out, v.name+"="+v.value)
		}
	}
	return out
}
