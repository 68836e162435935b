package azcli

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

// systemIdentity is az's word for the identity that belongs to the VM itself.
const systemIdentity = "[system]"

func (c *CLI) newVMIdentityCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "identity", Short: "The identities that a VM holds"}
	cmd.AddCommand(c.newVMIdentityAssignCommand(), c.newVMIdentityRemoveCommand(), c.newVMIdentityShowCommand())
	return cmd
}

func (c *CLI) newVMIdentityAssignCommand() *cobra.Command {
	return c.vmIdentityChange("assign", "Let a VM hold identities, besides those it has",
		`  midas vm identity assign --resource-group myResourceGroup --name myVM --identities $RESOURCE_ID`,
		func(_ armclient.Ref, has, wanted holdings) (map[string]any, error) {
			wanted.system = wanted.system || has.system
			return wanted.patch(len(has.assigned) > 0), nil
		}, assignedShape)
}

func (c *CLI) newVMIdentityRemoveCommand() *cobra.Command {
	return c.vmIdentityChange("remove", "Take identities from a VM",
		`  midas vm identity remove --resource-group myResourceGroup --name myVM --identities $RESOURCE_ID`,
		func(r armclient.Ref, has, unwanted holdings) (map[string]any, error) { return has.without(r, unwanted) },
		identityShape)
}

// vmIdentityChange makes assign or remove: it reads the VM, lets change decide what
// to send, and prints the identity that the VM has afterwards.
func (c *CLI) vmIdentityChange(use, short, example string, change func(r armclient.Ref, has, named holdings) (map[string]any, error), shape func(any) any) *cobra.Command {
	var (
		t          target
		identities []string
	)
	cmd := &cobra.Command{
		Use:     use,
		Short:   short,
		Example: example,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, vmKind)
			if err != nil {
				return err
			}
			return c.printEach(refs, func(r armclient.Ref) (any, error) {
				named, err := identitiesOf(r, identities)
				if err != nil {
					return nil, err
				}
				after, err := a.changeVMIdentity(cmd.Context(), r, named, change)
				return shape(after), err
			})
		},
	}
	t.bindIDs(cmd, vmKind.Word)
	cmd.Flags().StringArrayVar(&identities, "identities", []string{systemIdentity}, "identities, by id or by name in the same group")
	cmd.Flags().Lookup("identities").DefValue = systemIdentity
	return cmd
}

func (a *api) changeVMIdentity(ctx context.Context, r armclient.Ref, named holdings, change func(r armclient.Ref, has, named holdings) (map[string]any, error)) (any, error) {
	before, err := a.Do(ctx, http.MethodGet, vmKind.Path(r), nil)
	if err != nil {
		return nil, err
	}
	body, err := change(r, holdingsOf(armclient.Member(before, "identity")), named)
	if err != nil {
		return nil, err
	}
	if _, err := a.Do(ctx, http.MethodPatch, vmKind.Path(r), map[string]any{"identity": body}); err != nil {
		return nil, err
	}
	after, err := a.Do(ctx, http.MethodGet, vmKind.Path(r), nil)
	return armclient.Member(after, "identity"), err
}

func (c *CLI) newVMIdentityShowCommand() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show the identities that a VM holds",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			refs, err := t.refs(cmd, a, vmKind)
			if err != nil {
				return err
			}
			return c.printEach(refs, func(r armclient.Ref) (any, error) {
				vm, err := a.Do(cmd.Context(), http.MethodGet, vmKind.Path(r), nil)
				return identityShape(armclient.Member(vm, "identity")), err
			})
		},
	}
	t.bindIDs(cmd, vmKind.Word)
	return cmd
}

// holdings are the identities of a VM: its own and those assigned to it, by id.
type holdings struct {
	system   bool
	assigned []string
}

// identitiesOf reads az's values of --identities for a VM: [system], ids, and names
// of identities in the VM's own group.
func identitiesOf(vm armclient.Ref, values []string) (holdings, error) {
	var h holdings
	for _, value := range values {
		switch {
		case strings.EqualFold(value, systemIdentity):
			h.system = true
		case strings.Contains(value, "/"):
			if _, err := identityKind.ParseID(value); err != nil {
				return h, err
			}
			h.assigned = append(h.assigned, value)
		case armclient.Segment(value):
			h.assigned = append(h.assigned, identityKind.ID(armclient.Ref{Subscription: vm.Subscription, Group: vm.Group, Name: value}))
		default:
			return h, usage.Errorf("%q is not an identity", value).WithHint("is the variable in your command empty?")
		}
	}
	return h, nil
}

// holdingsOf reads the identity of a VM as ARM shows it; nil is none.
func holdingsOf(identity any) holdings {
	var h holdings
	h.system = strings.Contains(armclient.Text(identity, "type"), "SystemAssigned")
	assigned, _ := armclient.Member(identity, "userAssignedIdentities").(map[string]any)
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
func (h holdings) without(vm armclient.Ref, unwanted holdings) (map[string]any, error) {
	if unwanted.system && !h.system {
		return nil, midas.Errorf(midas.NotFound, "VM %s has no identity of its own", vm.Name)
	}
	remaining, removed := len(h.assigned), map[string]any{}
	for _, id := range unwanted.assigned {
		at := slices.IndexFunc(h.assigned, func(have string) bool { return strings.EqualFold(have, id) })
		if at < 0 {
			return nil, midas.Errorf(midas.NotFound, "VM %s does not hold %s", vm.Name, id).
				WithHint("see: midas vm identity show -g %s -n %s", vm.Group, vm.Name)
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
	assigned := armclient.Member(identity, "userAssignedIdentities")
	if assigned == nil {
		assigned = map[string]any{}
	}
	return map[string]any{
		"systemAssignedIdentity": armclient.Text(identity, "principalId"),
		"userAssignedIdentities": assigned,
	}
}
