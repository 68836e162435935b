package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
)

// manage lists resources with the clients of three services, as in Azure's public cloud.
func manage(ctx context.Context, credential azcore.TokenCredential, subscription string) error {
	identities, err := armmsi.NewUserAssignedIdentitiesClient(subscription, credential, nil)
	if err != nil {
		return err
	}
	machines, err := armcompute.NewVirtualMachinesClient(subscription, credential, nil)
	if err != nil {
		return err
	}
	assignments, err := armauthorization.NewRoleAssignmentsClient(subscription, credential, nil)
	if err != nil {
		return err
	}
	ours, err := every(ctx, identities.NewListBySubscriptionPager(nil), func(p armmsi.UserAssignedIdentitiesClientListBySubscriptionResponse) (names []string) {
		for _, one := range p.Value {
			names = append(names, *one.Name)
		}
		return names
	})
	if err != nil {
		return err
	}
	theirs, err := every(ctx, machines.NewListAllPager(nil), func(p armcompute.VirtualMachinesClientListAllResponse) (names []string) {
		for _, one := range p.Value {
			names = append(names, *one.Name)
		}
		return names
	})
	if err != nil {
		return err
	}
	who, err := every(ctx, assignments.NewListForSubscriptionPager(nil), func(p armauthorization.RoleAssignmentsClientListForSubscriptionResponse) (names []string) {
		for _, one := range p.Value {
			names = append(names, *one.Name)
		}
		return names
	})
	if err != nil {
		return err
	}
	fmt.Printf("identities %s\nmachines %s\nassignments %d\n", strings.Join(ours, " "), strings.Join(theirs, " "), len(who))
	return nil
}

func every[P any](ctx context.Context, pager *runtime.Pager[P], names func(P) []string) (all []string, err error) {
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, names(page)...)
	}
	return all, nil
}
