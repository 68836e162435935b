package account

import (
	"errors"
	"strings"
	"testing"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/mysqlerr"
)

const (
	clientID = "c1111111-1111-1111-1111-111111111111"
	objectID = "01111111-1111-1111-1111-111111111111"
	personID = "b1111111-1111-1111-1111-111111111111"
	groupID  = "91111111-1111-1111-1111-111111111111"
)

// admission is an account, who comes to it, and the answer.
type admission struct {
	name    string
	account Account
	who     midas.Principal
	number  uint16 // 0: admitted
	says    string
}

func admissions() []admission {
	app := midas.Principal{ClientID: clientID, ObjectID: objectID, AppOnly: true, Name: "myuser"}
	person := midas.Principal{ClientID: clientID, ObjectID: personID, Name: "me@contoso.com", Groups: []string{idA, strings.ToUpper(groupID)}}
	crowded := midas.Principal{ObjectID: personID, GroupsOmitted: true}
	service := func(id string) Account { return Account{User: "myuser", Kind: midas.KindService, ID: id} }
	group := Account{User: "Group With Spaces", Kind: midas.KindGroup, ID: groupID}

	return []admission{
		{"application by client id", service(clientID), app, 0, ""},
		{"application by object id, as some scripts write it", service(objectID), app, 0, ""},
		{"ids compare without case", service(strings.ToUpper(clientID)), app, 0, ""},
		{"another application", service(idB), app, 1045, "user 'myuser' maps to client id " + idB + " but the token is for " + clientID},
		{"recreated identity with the same name does not inherit", service(idB), midas.Principal{ClientID: clientID, ObjectID: objectID, AppOnly: true, Name: "myuser"}, 1045, "maps to client id"},
		{"delegated token obtained through that client must not match by appid", service(clientID), person, 1045, "issued to a person (object id " + personID + ") through that application"},
		{"person by object id", Account{User: "me", Kind: midas.KindUser, ID: personID}, person, 0, ""},
		{"person by an id that was taken as written", service(personID), person, 0, ""},
		{"person never by client id", Account{User: "me", Kind: midas.KindUser, ID: clientID}, app, 1045, "maps to id " + clientID},
		{"user principal names are not identity", Account{User: "me@contoso.com", DirectoryName: "me@contoso.com", Kind: midas.KindUser, ID: idB}, person, 1045, "maps to id " + idB},
		{"member of the group", group, person, 0, ""},
		{"application in the group", group, midas.Principal{ClientID: clientID, ObjectID: objectID, AppOnly: true, Groups: []string{groupID}}, 0, ""},
		{"not in the group", group, app, 9106, "Azure AD access token is not valid for user 'Group With Spaces': it does not contain group ID " + groupID},
		{"too many groups to list", group, crowded, 9106, "in too many"},
		{"the group's id is not a principal's", group, midas.Principal{ObjectID: groupID, ClientID: groupID, AppOnly: true}, 9106, "does not contain group ID"},
		{"group created through IDENTIFIED BY <group id> is treated as application", service(groupID), person, 1045, "IDENTIFIED BY makes an application of any id"},
		{"administrator of unknown kind by object id", Account{Admin: true, ID: objectID}, app, 0, ""},
		{"administrator of unknown kind by client id", Account{Admin: true, ID: clientID}, app, 0, ""},
		{"administrator of unknown kind by group", Account{Admin: true, ID: groupID}, person, 0, ""},
		{"administrator: a person through the application is not it", Account{User: "admin", Admin: true, ID: clientID}, person, 1045, "issued to a person"},
		{"no kind and no administrator: nobody", Account{ID: objectID}, app, 1045, ""},
		{"unknown kind: nobody", Account{ID: objectID, Kind: "Device"}, app, 1045, ""},
		{"empty ids never match: service", service(""), midas.Principal{AppOnly: true}, 1045, ""},
		{"empty ids never match: user", Account{Kind: midas.KindUser}, midas.Principal{}, 1045, ""},
		{"empty ids never match: group", Account{Kind: midas.KindGroup}, midas.Principal{Groups: []string{""}}, 9106, ""},
		{"empty ids never match: administrator", Account{Admin: true}, midas.Principal{AppOnly: true, Groups: []string{""}}, 1045, ""},
	}
}

func TestAdmit(t *testing.T) {
	for _, tt := range admissions() {
		t.Run(tt.name, func(t *testing.T) {
			err := Admit(tt.account, tt.who)
			if tt.number == 0 {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("admitted")
			}
			number, _ := numberOf(err)
			var public *midas.Error
			if number != tt.number || !errors.As(err, &public) || !public.Public || public.Code != midas.Forbidden {
				t.Errorf("number %d, error %#v", number, public)
			}
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q does not say %q", err, tt.says)
			}
		})
	}
}

func TestNumberOf(t *testing.T) {
	for number, state := range map[uint16]string{mysqlerr.AccessDenied: "28000", mysqlerr.AADTokenNotValid: "HY000", mysqlerr.AADValidateUser: "HY000", mysqlerr.Parse: "42000"} {
		if n, s := numberOf(errors.Join(errors.New("x"), refuse(number, midas.Invalid, "y"))); n != number || s != state {
			t.Errorf("numberOf = %d %s, want %d %s", n, s, number, state)
		}
	}
	if n, s := numberOf(errors.New("x")); n != 1105 || s != "HY000" {
		t.Errorf("unknown: %d %s", n, s)
	}
}
