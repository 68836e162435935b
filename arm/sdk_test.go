package arm

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azarm "github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/mysql/armmysqlflexibleservers"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
)

// holder is a credential that has its token.
type holder string

func (h holder) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(h), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// sdk are Azure's own options, which name this API as the cloud's.
func (w *world) sdk(t *testing.T) *azarm.ClientOptions {
	t.Helper()
	server := httptest.NewTLSServer(w.api)
	t.Cleanup(server.Close)
	w.api.BaseURL = func() string { return server.URL }
	return &azarm.ClientOptions{DisableRPRegistration: true, ClientOptions: policy.ClientOptions{
		Transport: server.Client(),
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: server.URL, Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Audience: Audiences()[0], Endpoint: server.URL},
		}},
	}}
}

// every reads all pages.
func every[P, T any](t *testing.T, pager *runtime.Pager[P], items func(P) []T) (all []T) {
	t.Helper()
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, items(page)...)
	}
	return all
}

// done waits for a long-running operation, which must not take a second question.
func done[T any](t *testing.T) func(p *runtime.Poller[T], err error) T {
	return func(p *runtime.Poller[T], err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		got, err := p.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}

// wantCode checks the error of an SDK for ARM's code.
func wantCode(t *testing.T, err error, status int, code string) {
	t.Helper()
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != status || refused.ErrorCode != code {
		t.Errorf("got %v, want %d %s", err, status, code)
	}
}

func TestGoAuthorizationSDK(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	options, ctx, who := w.sdk(t), t.Context(), w.principal(t, "app")
	roles, err := armauthorization.NewRoleDefinitionsClient(holder("owner"), options)
	if err != nil {
		t.Fatal(err)
	}
	scope := strings.ReplaceAll(rg, "{sub}", w.sub)
	found := every(t, roles.NewListPager(scope, &armauthorization.RoleDefinitionsClientListOptions{Filter: to.Ptr("roleName eq 'Reader'")}),
		func(p armauthorization.RoleDefinitionsClientListResponse) []*armauthorization.RoleDefinition {
			return p.Value
		})
	if len(found) != 1 || *found[0].Properties.RoleName != "Reader" || *found[0].Properties.RoleType != "BuiltInRole" || *found[0].Properties.Permissions[0].Actions[0] != "*/read" {
		t.Fatalf("%+v", found)
	}
	client, err := armauthorization.NewRoleAssignmentsClient(w.sub, holder("owner"), options)
	if err != nil {
		t.Fatal(err)
	}
	const name = "eeeeeeee-0000-4000-8000-00000000000a"
	body := armauthorization.RoleAssignmentCreateParameters{Properties: &armauthorization.RoleAssignmentProperties{
		PrincipalID: &who, RoleDefinitionID: found[0].ID, PrincipalType: to.Ptr(armauthorization.PrincipalTypeServicePrincipal), Description: to.Ptr("because"),
	}}
	made, err := client.Create(ctx, scope, name, body, nil)
	if err != nil || *made.Properties.Scope != scope || *made.Properties.Description != "because" || made.Properties.CreatedOn.IsZero() {
		t.Fatalf("%+v, %v", made, err)
	}
	_, err = client.Create(ctx, scope, strings.Replace(name, "a", "b", 1)[:36], body, nil)
	if err == nil {
		t.Error("the same is assigned twice")
	}
	got, err := client.GetByID(ctx, *made.ID, nil)
	if err != nil || *got.Name != name {
		t.Errorf("%+v, %v", got, err)
	}
	list := every(t, client.NewListForScopePager(scope, &armauthorization.RoleAssignmentsClientListForScopeOptions{Filter: to.Ptr("assignedTo('" + who + "')")}),
		func(p armauthorization.RoleAssignmentsClientListForScopeResponse) []*armauthorization.RoleAssignment {
			return p.Value
		})
	if len(list) != 1 || *list[0].ID != *made.ID {
		t.Errorf("%+v", list)
	}
	permissions, err := armauthorization.NewPermissionsClient(w.sub, holder("app"), options)
	if err != nil {
		t.Fatal(err)
	}
	mine := every(t, permissions.NewListForResourceGroupPager("rg", nil), func(p armauthorization.PermissionsClientListForResourceGroupResponse) []*armauthorization.Permission {
		return p.Value
	})
	if len(mine) != 1 || *mine[0].Actions[0] != "*/read" {
		t.Errorf("%+v", mine)
	}
	if _, err := client.DeleteByID(ctx, *made.ID, nil); err != nil {
		t.Error(err)
	}
	_, err = client.GetByID(ctx, *made.ID, nil)
	wantCode(t, err, http.StatusNotFound, "RoleAssignmentNotFound")
}

func TestGoComputeSDK(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	options, ctx := w.sdk(t), t.Context()
	client, err := armcompute.NewVirtualMachinesClient(w.sub, holder("owner"), options)
	if err != nil {
		t.Fatal(err)
	}
	machine := armcompute.VirtualMachine{Location: to.Ptr("eastus"), Identity: &armcompute.VirtualMachineIdentity{Type: to.Ptr(armcompute.ResourceIdentityTypeSystemAssigned)}}
	made := done[armcompute.VirtualMachinesClientCreateOrUpdateResponse](t)(client.BeginCreateOrUpdate(ctx, "rg", "sdk", machine, nil))
	if made.Identity == nil || made.Identity.PrincipalID == nil || made.Etag == nil {
		t.Fatalf("%+v", made)
	}
	_, err = client.BeginCreateOrUpdate(ctx, "rg", "sdk", machine, &armcompute.VirtualMachinesClientBeginCreateOrUpdateOptions{IfNoneMatch: to.Ptr("*")})
	wantCode(t, err, http.StatusPreconditionFailed, "PreconditionFailed")
	patched := done[armcompute.VirtualMachinesClientUpdateResponse](t)(client.BeginUpdate(ctx, "rg", "sdk",
		armcompute.VirtualMachineUpdate{Tags: map[string]*string{"a": to.Ptr("b")}}, &armcompute.VirtualMachinesClientBeginUpdateOptions{IfMatch: made.Etag}))
	if *patched.Tags["a"] != "b" || *patched.Etag == *made.Etag {
		t.Errorf("%+v", patched.VirtualMachine)
	}
	all := every(t, client.NewListAllPager(nil), func(p armcompute.VirtualMachinesClientListAllResponse) []*armcompute.VirtualMachine { return p.Value })
	if len(all) != 3 {
		t.Errorf("%d machines", len(all))
	}
	done[armcompute.VirtualMachinesClientDeleteResponse](t)(client.BeginDelete(ctx, "rg", "sdk", nil))
	_, err = client.Get(ctx, "rg", "sdk", nil)
	wantCode(t, err, http.StatusNotFound, "ResourceNotFound")
}

func TestGoMySQLSDK(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	options, ctx := w.sdk(t), t.Context()
	servers, err := armmysqlflexibleservers.NewServersClient(w.sub, holder("owner"), options)
	if err != nil {
		t.Fatal(err)
	}
	made := done[armmysqlflexibleservers.ServersClientCreateResponse](t)(servers.BeginCreate(ctx, "rg", "sdkdb", armmysqlflexibleservers.Server{Location: to.Ptr("eastus")}, nil))
	if *made.Properties.FullyQualifiedDomainName != "sdkdb.mysql.database.azure.com" {
		t.Errorf("%+v", made)
	}
	done[armmysqlflexibleservers.ServersClientUpdateResponse](t)(servers.BeginUpdate(ctx, "rg", "sdkdb", armmysqlflexibleservers.ServerForUpdate{Tags: map[string]*string{"a": to.Ptr("b")}}, nil))
	all := every(t, servers.NewListPager(nil), func(p armmysqlflexibleservers.ServersClientListResponse) []*armmysqlflexibleservers.Server {
		return p.Value
	})
	if len(all) != 2 {
		t.Errorf("%d servers", len(all))
	}
	done[armmysqlflexibleservers.ServersClientDeleteResponse](t)(servers.BeginDelete(ctx, "rg", "sdkdb", nil))
}

func TestGoResourcesSDK(t *testing.T) {
	w := newWorld(t)
	w.populate(t)
	options := w.sdk(t)
	groups, err := armresources.NewResourceGroupsClient(w.sub, holder("owner"), options)
	if err != nil {
		t.Fatal(err)
	}
	client, err := armresources.NewClient(w.sub, holder("owner"), options)
	if err != nil {
		t.Fatal(err)
	}
	all := every(t, client.NewListPager(&armresources.ClientListOptions{Top: to.Ptr[int32](2)}), func(p armresources.ClientListResponse) []*armresources.GenericResourceExpanded { return p.Value })
	if len(all) != 6 {
		t.Errorf("%d resources on pages of two", len(all))
	}
	done[armresources.ResourceGroupsClientDeleteResponse](t)(groups.BeginDelete(t.Context(), "rg", nil))
	_, err = groups.Get(t.Context(), "rg", nil)
	wantCode(t, err, http.StatusNotFound, "ResourceGroupNotFound")
}
