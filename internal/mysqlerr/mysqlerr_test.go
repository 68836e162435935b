package mysqlerr

import "testing"

func TestStatesAreThoseOfTheServers(t *testing.T) {
	for number, want := range map[uint16]string{
		AccessDenied: "28000", ConCount: "08004", ServerShutdown: "08S01", Parse: "42000", DupEntry: "23000",
		Unknown: "HY000", AADValidateUser: "HY000", 0: "HY000",
	} {
		if got := State(number); got != want {
			t.Errorf("%d: %s, want %s", number, got, want)
		}
	}
	for number, state := range states {
		if len(state) != 5 || state == General {
			t.Errorf("%d: %q", number, state)
		}
	}
}
