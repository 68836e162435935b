package vmns

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func query(t testing.TB, name string) []byte {
	t.Helper()
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: 7, RecursionDesired: true})
	if err := b.StartQuestions(); err != nil {
		t.Fatal(err)
	}
	if err := b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET}); err != nil {
		t.Fatal(err)
	}
	text, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestNoSuchName(t *testing.T) {
	text, ok := noSuchName(query(t, "SERVER."))
	var answer dnsmessage.Message
	if !ok || answer.Unpack(text) != nil {
		t.Fatalf("%x", text)
	}
	if h := answer.Header; h.ID != 7 || !h.Response || h.RCode != dnsmessage.RCodeNameError || !h.RecursionAvailable || len(answer.Questions) != 1 || answer.Questions[0].Name.String() != "SERVER." {
		t.Errorf("%+v", answer)
	}
	if _, ok := noSuchName(text); ok {
		t.Error("an answer is answered: two such servers would never end")
	}
}

func FuzzNoSuchName(f *testing.F) {
	f.Add(query(f, "SERVER."))
	f.Add([]byte("\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, text []byte) {
		answer, ok := noSuchName(text)
		if !ok {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(answer); err != nil || m.RCode != dnsmessage.RCodeNameError || len(m.Answers) > 0 {
			t.Errorf("%x → %x: %v", text, answer, err)
		}
	})
}
