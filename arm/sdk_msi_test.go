package arm

import (
	"net/http"
	"slices"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
)

func TestGoIdentitiesSDK(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	options, ctx := w.sdk(t), t.Context()
	client, err := armmsi.NewUserAssignedIdentitiesClient(w.sub, holder("owner"), options)
	if err != nil {
		t.Fatal(err)
	}
	made, err := client.CreateOrUpdate(ctx, "rg", "fresh", armmsi.Identity{Location: to.Ptr("eastus"), Tags: map[string]*string{"a": to.Ptr("b")}}, nil)
	if err != nil || *made.Name != "fresh" || *made.Properties.ClientID == "" || *made.Properties.PrincipalID == "" || *made.Tags["a"] != "b" {
		t.Fatalf("%+v, %v", made, err)
	}
	got, err := client.Get(ctx, "RG", "FRESH", nil)
	if err != nil || *got.ID != *made.ID {
		t.Errorf("%+v, %v", got, err)
	}
	all := every(t, client.NewListBySubscriptionPager(nil), func(p armmsi.UserAssignedIdentitiesClientListBySubscriptionResponse) []*armmsi.Identity {
		return p.Value
	})
	if !slices.ContainsFunc(all, func(i *armmsi.Identity) bool { return *i.ID == *made.ID }) {
		t.Errorf("the list lacks it: %v", all)
	}
	federated, err := armmsi.NewFederatedIdentityCredentialsClient(w.sub, holder("owner"), options)
	if err != nil {
		t.Fatal(err)
	}
	says := armmsi.FederatedIdentityCredential{Properties: &armmsi.FederatedIdentityCredentialProperties{
		Issuer: to.Ptr("https://issuer.example/"), Subject: to.Ptr("a"), Audiences: []*string{to.Ptr("api://AzureADTokenExchange")},
	}}
	fic, err := federated.CreateOrUpdate(ctx, "rg", "fresh", "fic", says, nil)
	if err != nil || *fic.Name != "fic" || *fic.Properties.Subject != "a" {
		t.Fatalf("%+v, %v", fic, err)
	}
	held := every(t, federated.NewListPager("rg", "fresh", nil), func(p armmsi.FederatedIdentityCredentialsClientListResponse) []*armmsi.FederatedIdentityCredential {
		return p.Value
	})
	if len(held) != 1 || *held[0].Properties.Issuer != "https://issuer.example/" {
		t.Errorf("%v", held)
	}
	if _, err := federated.Delete(ctx, "rg", "fresh", "fic", nil); err != nil {
		t.Error(err)
	}
	if _, err := client.Delete(ctx, "rg", "fresh", nil); err != nil {
		t.Error(err)
	}
	_, err = client.Get(ctx, "rg", "fresh", nil)
	wantCode(t, err, http.StatusNotFound, "ResourceNotFound")
}
