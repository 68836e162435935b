package guid

import "testing"

func TestTidy(t *testing.T) {
	const kept = "6575465f-0640-4541-af09-1c8ff9271846"
	for text, want := range map[string]string{
		kept: kept, "6575465F-0640-4541-AF09-1C8FF9271846": kept, "6575465f06404541af091c8ff9271846": kept,
		"{6575465f-0640-4541-af09-1c8ff9271846}": kept, "{6575465F06404541AF091C8FF9271846}": kept,
		"": "", "{": "{", "{}": "{}", "Ada": "Ada", "{Ada}": "{Ada}",
		"(6575465f-0640-4541-af09-1c8ff9271846)": "(6575465f-0640-4541-af09-1c8ff9271846)",
		"6575465f-0640-4541-af09-1c8ff927184g":   "6575465f-0640-4541-af09-1c8ff927184g",
		"6575465f-06404541af091c8ff927184":       "6575465f-06404541af091c8ff927184",
		"6575465f_0640_4541_af09_1c8ff9271846":   "6575465f_0640_4541_af09_1c8ff9271846",
		"ééééééééé-0640-4541-af09-1c8ff9271846":  "ééééééééé-0640-4541-af09-1c8ff9271846",
	} {
		if got := Tidy(text); got != want {
			t.Errorf("Tidy(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzTidy(f *testing.F) {
	f.Add("{6575465F06404541AF091C8FF9271846}")
	f.Fuzz(func(t *testing.T, text string) {
		once := Tidy(text)
		if once != text && !Valid(once) || Tidy(once) != once {
			t.Errorf("%q → %q → %q", text, once, Tidy(once))
		}
	})
}
