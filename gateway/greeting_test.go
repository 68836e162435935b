package gateway

import (
	"testing"

	"github.com/midas-mysql/midas/internal/wire"
)

func TestLeastThatServersCanDo(t *testing.T) {
	const common, extra = wire.ClientProtocol41, wire.ClientDeprecateEOF
	old := wire.Greeting{Version: "8.0.36", Charset: 8, Capabilities: common}
	now := wire.Greeting{Version: "9.7.0", Charset: 255, Capabilities: common | extra}
	maria := wire.Greeting{Version: "5.5.5-10.11.6-MariaDB", Capabilities: common | extra}
	for name, c := range map[string]struct {
		all  []wire.Greeting
		want wire.Greeting
	}{
		"one":                     {[]wire.Greeting{now}, now},
		"the oldest last":         {[]wire.Greeting{now, old}, old},
		"the oldest first":        {[]wire.Greeting{old, now}, old},
		"another family is apart": {[]wire.Greeting{now, maria}, now},
	} {
		got := least(c.all)
		if got.Version != c.want.Version || got.Charset != c.want.Charset || got.Capabilities != c.want.Capabilities {
			t.Errorf("%s: %+v", name, got)
		}
	}
	mixed := least([]wire.Greeting{{Version: "8.0.36", Capabilities: common | extra}, {Version: "9.7.0", Capabilities: common}})
	if mixed.Version != "8.0.36" || mixed.Capabilities != common {
		t.Errorf("the older one can do more: %+v", mixed)
	}
}

func TestVersionsAreComparedByNumber(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"8.0.9", "8.0.36", true},
		{"8.0.36", "8.0.9", false},
		{"9.7.0", "10.1.0", true},
		{"5.5.5-10.6.1-MariaDB", "10.11.2-MariaDB", true},
		{"5.5.5-11.4.1-MariaDB", "10.11.2-MariaDB", false},
		{"8.0.36", "8.0.36-log", false},
	} {
		if got := olderVersion(c.a, c.b); got != c.want {
			t.Errorf("%s older than %s: %v", c.a, c.b, got)
		}
	}
}
