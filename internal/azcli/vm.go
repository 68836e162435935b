package azcli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
)

// vmKind is a virtual machine. What runs as one is a workload: see `midas vm run`.
var vmKind = kind{
	Kind:    armclient.VMs,
	confirm: true,
	shape: func(body map[string]any) any {
		flat := flattened(body, "identity", "tags", "zones")
		if _, ok := flat["identity"].(map[string]any); ok {
			flat["identity"] = identityShape(flat["identity"])
		}
		return flat
	},
}

func (c *CLI) newVMCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "vm", Short: "Virtual machines: the workloads that hold identities"}
	cmd.AddCommand(
		c.newVMCreateCommand(),
		c.newShowCommand(vmKind, "  midas vm show --resource-group myResourceGroup --name myVM"),
		c.newListCommand(vmKind),
		c.newDeleteCommand(vmKind),
		c.newVMIdentityCommand(),
		c.newVMWorkloadMatchCommand(),
	)
	cmd.AddCommand(c.underVM...)
	return cmd
}

func (c *CLI) newVMCreateCommand() *cobra.Command {
	var (
		n      = creation{kind: vmKind}
		assign []string
	)
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create a VM: a name that a program on this machine can run as",
		Long: `Create a VM. It is a record in the directory, nothing boots: a program runs as this
VM through "midas vm run" or "midas env".`,
		Example: `  midas vm create --resource-group myResourceGroup --name myVM
  midas vm create -g myResourceGroup -n myVM --assign-identity $RESOURCE_ID`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := c.create(cmd, &n, func(r armclient.Ref, body map[string]any) error {
				if !cmd.Flags().Changed("assign-identity") {
					return nil
				}
				wanted, err := identitiesOf(r, assign)
				body["identity"] = wanted.body()
				return err
			})
			if err != nil {
				return err
			}
			return c.Print(createdVM(answer))
		},
	}
	n.bind(cmd)
	cmd.Flags().StringArrayVar(&assign, "assign-identity", nil, "identities to hold, by id or by name in the same group; [system] or none for the VM's own")
	cmd.Flags().Bool("generate-ssh-keys", false, "accepted, not used")
	bindUnused(cmd, "generate-ssh-keys", "image", "size", "admin-username", "admin-password", "ssh-key-values",
		"public-ip-sku", "nsg", "vnet-name", "subnet", "zone")
	return cmd
}

// createdVM is what az prints after creating a VM; what a record has not is empty. A
// record has no power state, either: scripts of az wait for this one.
func createdVM(answer any) map[string]any {
	out := map[string]any{
		"fqdns": "", "macAddress": "", "privateIpAddress": "", "publicIpAddress": "", "zones": "",
		"powerState":    "VM running",
		"id":            armclient.Member(answer, "id"),
		"location":      armclient.Member(answer, "location"),
		"resourceGroup": groupOf(armclient.Text(answer, "id")),
	}
	if identity := armclient.Member(answer, "identity"); identity != nil {
		out["identity"] = assignedShape(identity)
	}
	return out
}

// bindUnused accepts flags of az that mean nothing here, so that its commands run, and
// says so in the long help rather than among the flags that do something.
func bindUnused(cmd *cobra.Command, names ...string) {
	slices.Sort(names)
	for _, name := range names {
		if cmd.Flags().Lookup(name) == nil {
			cmd.Flags().String(name, "", "accepted, not used")
		}
		_ = cmd.Flags().MarkHidden(name)
	}
	cmd.Long += "\n\nAccepted and not used: --" + strings.Join(names, ", --") + "."
}
