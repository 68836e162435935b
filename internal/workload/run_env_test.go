package workload

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/midas-mysql/midas/internal/publicnames"
)

func TestInsideEnvironment(t *testing.T) {
	t.Setenv("no_proxy", "")
	t.Setenv("NO_PROXY", "corp.example")
	got := insideEnvironment(
		[]string{"HOME=/h", "MYSQL_HOST=x", "MIDAS_VM=old", "SSL_CERT_FILE=old", "NO_PROXY=corp.example"}, "myVM",
		[]Server{{Name: "mydb", fqdn: "mydb.mysql.database.azure.com"}}, []variable{{"SSL_CERT_FILE", "new"}})
	direct := "169.254.169.254,localhost,127.0.0.1,.mysql.database.azure.com," + strings.Join(publicnames.All(), ",") +
		",mydb,mydb.mysql.database.azure.com"
	want := []string{"HOME=/h", "MIDAS_VM=myVM", "SSL_CERT_FILE=new", "NO_PROXY=corp.example," + direct, "no_proxy=" + direct}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
