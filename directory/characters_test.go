package directory

import (
	"strings"
	"testing"
)

// TestLimitsAreOfCharacters: what is no ASCII has as much room as what is.
func TestLimitsAreOfCharacters(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	_, sub := d.Tenant()
	note := func(text string) error {
		_, _, err := d.PutLock(ctx, nil, Lock{Name: "l", Level: CanNotDelete, Notes: text, Scope: "/subscriptions/" + sub + "/resourceGroups/rg"})
		return err
	}
	tag := func(name, value string) error {
		_, err := d.PatchGroup(ctx, nil, "rg", map[string]string{name: value})
		return err
	}
	for _, err := range []error{note(strings.Repeat("é", maxNotes)), tag(strings.Repeat("名", maxTagName), ""), tag("a", strings.Repeat("名", maxTagValue))} {
		must(t)(err)
	}
	for i, err := range []error{note(strings.Repeat("é", maxNotes+1)), tag(strings.Repeat("名", maxTagName+1), ""), tag("a", strings.Repeat("名", maxTagValue+1))} {
		if err == nil {
			t.Errorf("%d: one character too many was taken", i)
		}
	}
}

// TestConditionsOnWordsOfAnyScript: text that is kept as it was given meets a condition
// with just that text.
func TestConditionsOnWordsOfAnyScript(t *testing.T) {
	d, ctx := fresh(t), t.Context()
	must(t)(second(d.CreateUser(ctx, nil, UserChange{
		UPN: new("o@contoso.example"), DisplayName: new("Özge"), Surname: new("Öztürk"), GivenName: new("Émile"), MailNickname: new("o"),
	})))
	for _, c := range []Condition{
		eq("surname", "Öztürk"), eq("surname", "ÖzTürK"), eq("givenName", "Émile"), eq("displayName", "özge"), eq("userType", "Member"),
		{Op: OpPrefix, Property: "surname", Value: "ÖZt"},
		{Op: OpPrefix, Property: "displayName", Value: "ÖZ"},
	} {
		page, err := d.Users(ctx, Query{Where: c, Limit: 5})
		if err != nil || len(page.Items) != 1 {
			t.Errorf("%s %s %v: %d, %v", c.Property, c.Op, c.Value, len(page.Items), err)
		}
	}
}
