package main

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/usage"
)

// systemIdentity is az's word for the identity that belongs to the VM itself.
const systemIdentity = "[system]"

func (c *cli) newVMIdentityCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "identity", Short: "The identities that a VM holds"}
	cmd.AddCommand(c.newVMIdentityAssignCommand(), c.newVMIdentityRemoveCommand(), c.newVMIdentityShowCommand())
	return cmd
}

func (c *cli) newVMIdentityAssignCommand() *cobra.Command {
	return c.vmIdentityChange("assign", "Let a VM hold identities, besides those it has",
		`  midas vm identity assign --resource-group myResourceGroup --name myVM --identities $RESOURCE_ID`,
		func(_ ref, has, wanted holdings) (map[string]any, error) {
			wanted.system = wanted.system || has.system
			return wanted.patch(len(has.assigned) > 0), nil
		}, assignedShape)
}

func (c *cli) newVMIdentityRemoveCommand() *cobra.Command {
	return c.vmIdentityChange("remove", "Take identities from a VM",
		`  midas vm identity remove --resource-group myResourceGroup --name myVM --identities $RESOURCE_ID`,
		func(r ref, has, unwanted holdings) (map[string]any, error) { return has.without(r, unwanted) },
		identityShape)
}

// vmIdentityChange makes assign or remove: it reads the VM, lets change decide what
// to send, and prints the identity that the VM has afterwards.
func (c *cli) vmIdentityChange(use, short, example string, change func(r ref, has, named holdings) (map[string]any, error), shape func(any) any) *cobra.Command {
	var (
		t          target
		identities []string
	)
	cmd := &cobra.Command{
		Use:     use,
		Short:   short,
		Example: example,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.arm()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, vmKind)
			if err != nil {
				return err
			}
			return c.printEach(refs, func(r ref) (any, error) {
				named, err := identitiesOf(r, identities)
				if err != nil {
					return nil, err
				}
				after, err := a.changeVMIdentity(cmd.Context(), r, named, change)
				return shape(after), err
			})
		},
	}
	t.bindIDs(cmd, vmKind.word)
	cmd.Flags().StringArrayVar(&identities, "identities", []string{systemIdentity}, "identities, by id or by name in the same group")
	cmd.Flags().Lookup("identities").DefValue = systemIdentity
	return cmd
}

func (a *armClient) changeVMIdentity(ctx context.Context, r ref, named holdings, change func(r ref, has, named holdings) (map[string]any, error)) (any, error) {
	before, err := a.do(ctx, http.MethodGet, vmKind.path(r), nil)
	if err != nil {
		return nil, err
	}
	body, err := change(r, holdingsOf(member(before, "identity")), named)
	if err != nil {
		return nil, err
	}
	if _, err := a.do(ctx, http.MethodPatch, vmKind.path(r), map[string]any{"identity": body}); err != nil {
		return nil, err
	}
	after, err := a.do(ctx, http.MethodGet, vmKind.path(r), nil)
	return member(after, "identity"), err
}

func (c *cli) newVMIdentityShowCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the identities that a VM holds",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.arm()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, vmKind)
			if err != nil {
				return err
			}
			return c.printEach(refs, func(r ref) (any, error) {
				vm, err := a.do(cmd.Context(), http.MethodGet, vmKind.path(r), nil)
				return identityShape(member(vm, "identity")), err
			})
		},
	}
	t.bindIDs(cmd, vmKind.word)
	return cmd
}

// holdings are the identities of a VM: its own and those assigned to it, by id.
type holdings struct {
	system   bool
	assigned []string
}

// identitiesOf reads az's values of --identities for a VM: [system], ids, and names
// of identities in the VM's own group.
func identitiesOf(vm ref, values []string) (holdings, error) {
	var h holdings
	for _, value := range values {
		switch {
		case strings.EqualFold(value, systemIdentity):
			h.system = true
		case strings.Contains(value, "/"):
			if _, err := identityKind.parseID(value); err != nil {
				return h, err
			}
			h.assigned = append(h.assigned, value)
		case segment(value):
			h.assigned = append(h.assigned, identityKind.id(ref{vm.subscription, vm.group, value}))
		default:
			return h, usage.Errorf("%q is not an identity", value).WithHint("is the variable in your command empty?")
		}
	}
	return h, nil
}

// holdingsOf reads the identity of a VM as ARM shows it; nil is none.
func holdingsOf(identity any) holdings {
	var h holdings
	h.system = strings.Contains(words(identity, "type"), "SystemAssigned")
	assigned, _ := member(identity, "userAssignedIdentities").(map[string]any)
	for id := range assigned {
		h.assigned = append(h.assigned, id)
	}
	slices.Sort(h.assigned)
	return h
}

// kindOf is ARM's word for which of the two sorts of identity there are.
// Source: ResourceIdentityType of the Compute API; the comma is followed by a blank.
func kindOf(system, user bool) string {
	switch {
	case system && user:
		return "SystemAssigned, UserAssigned"
	case system:
		return "SystemAssigned"
	case user:
		return "UserAssigned"
	}
	return "None"
}

// body is the identity of a VM to be created.
func (h holdings) body() map[string]any { return h.patch(false) }

// patch adds h to a VM. In a PATCH the type says which sorts remain, so that it must
// name UserAssigned whenever the VM has some already.
func (h holdings) patch(hasAssigned bool) map[string]any {
	body := map[string]any{"type": kindOf(h.system, hasAssigned || len(h.assigned) > 0)}
	if len(h.assigned) > 0 {
		add := map[string]any{}
		for _, id := range h.assigned {
			add[id] = map[string]any{}
		}
		body["userAssignedIdentities"] = add
	}
	return body
}

// without is the PATCH that takes unwanted from h: null removes one id, a type
// without UserAssigned removes them all.
func (h holdings) without(vm ref, unwanted holdings) (map[string]any, error) {
	if unwanted.system && !h.system {
		return nil, midas.Errorf(midas.NotFound, "VM %s has no identity of its own", vm.name)
	}
	remaining, removed := len(h.assigned), map[string]any{}
	for _, id := range unwanted.assigned {
		at := slices.IndexFunc(h.assigned, func(have string) bool { return strings.EqualFold(have, id) })
		if at < 0 {
			return nil, midas.Errorf(midas.NotFound, "VM %s does not hold %s", vm.name, id).
				WithHint("see: midas vm identity show -g %s -n %s", vm.group, vm.name)
		}
		if _, twice := removed[h.assigned[at]]; !twice {
			removed[h.assigned[at]] = nil
			remaining--
		}
	}
	body := map[string]any{"type": kindOf(h.system && !unwanted.system, remaining > 0)}
	if remaining > 0 && len(removed) > 0 {
		body["userAssignedIdentities"] = removed
	}
	return body, nil
}

// identityShape is az's form of a VM's identity, nil when it has none.
func identityShape(identity any) any {
	body, ok := identity.(map[string]any)
	if !ok {
		return nil
	}
	return flattened(body, "principalId", "tenantId", "type", "userAssignedIdentities")
}

// assignedShape is what az prints after an assignment: which identities there are now.
func assignedShape(identity any) any {
	assigned := member(identity, "userAssignedIdentities")
	if assigned == nil {
		assigned = map[string]any{}
	}
	return map[string]any{
		"systemAssignedIdentity": words(identity, "principalId"),
		"userAssignedIdentities": assigned,
	}
}
