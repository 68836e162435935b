package azcli

import (
	"net/http"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/usage"
)

func (c *CLI) newVMWorkloadMatchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "workload-match",
		Short: "How the metadata endpoint recognises a VM that sends no secret",
		Long: `How the metadata endpoint recognises a VM that sends no secret: by its source address, by the
user that the asking process belongs to, or by the control group (version 2) that it runs
in. The latter two work for processes of the machine that midas runs on.

Evidence counts in this order: a listener of the VM's own (midas vm run, --vm-netns of
midas up), its secret (midas env), its address, user and control group. The smallest
network and the deepest control group decide; a process that two VMs are recognised by is
refused, and so is a process without any.

Each user of this machine can call from any of its own addresses, 127.0.0.1 among them:
a network counts for those only if it was given --insecure-own-addresses, and one with
loopback addresses is refused without.`,
	}
	cmd.AddCommand(c.newVMWorkloadMatchCreateCommand(), c.newVMWorkloadMatchListCommand(), c.newVMWorkloadMatchDeleteCommand())
	return cmd
}

// matchTarget names a VM and, mostly, one of its workload matches, as az names what is
// below a VM.
type matchTarget struct{ group, vm, name string }

func (t *matchTarget) bind(cmd *cobra.Command, one bool) {
	cmd.Flags().StringVarP(&t.group, "resource-group", "g", "", "resource group")
	cmd.Flags().StringVar(&t.vm, "vm-name", "", "name of the VM")
	if one {
		cmd.Flags().StringVarP(&t.name, "name", "n", "", "name of the workload match")
	}
}

func (t *matchTarget) path(a *api) string {
	below := []string{"workloadMatches"}
	if t.name != "" {
		below = append(below, t.name)
	}
	return vmKind.Path(armclient.Ref{Subscription: a.Operator.SubscriptionID, Group: t.group, Name: t.vm}, below...)
}

func matchShape(answer any) any {
	if body, ok := answer.(map[string]any); ok {
		return flattened(body)
	}
	return answer
}

func (c *CLI) newVMWorkloadMatchCreateCommand() *cobra.Command {
	var (
		t                 matchTarget
		cidr, uid, cgroup string
		own               bool
	)
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Recognise a VM by an address, a user or a control group",
		Example: `  midas vm workload-match create -g myResourceGroup --vm-name myVM -n office --cidr 10.1.2.0/24
  midas vm workload-match create -g myResourceGroup --vm-name myVM -n app --cgroup /system.slice/app.service
  midas vm workload-match create -g myResourceGroup --vm-name myVM -n me --uid "$(id -u)"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "resource-group", "vm-name", "name"); err != nil {
				return err
			}
			properties := map[string]any{}
			for name, value := range map[string]string{"cidr": cidr, "uid": uid, "cgroup": cgroup} {
				if value != "" {
					properties[name] = value
				}
			}
			if len(properties) != 1 {
				return usage.Errorf("give one of --cidr, --uid and --cgroup")
			}
			if own {
				properties["insecureOwnAddresses"] = true
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			answer, err := a.Do(cmd.Context(), http.MethodPut, t.path(a), map[string]any{"properties": properties})
			if err != nil {
				return err
			}
			return c.Print(matchShape(answer))
		},
	}
	t.bind(cmd, true)
	cmd.Flags().StringVar(&cidr, "cidr", "", "source address or network, such as 10.1.2.0/24")
	cmd.Flags().BoolVar(&own, "insecure-own-addresses", false, "with --cidr: also for this machine's own addresses, such as 127.0.0.1, so that each of its users is the VM")
	cmd.Flags().StringVar(&uid, "uid", "", "user id of the process, a number")
	cmd.Flags().StringVar(&cgroup, "cgroup", "", "control group of the process, with all below it, such as /system.slice/app.service")
	return cmd
}

func (c *CLI) newVMWorkloadMatchListCommand() *cobra.Command {
	var t matchTarget
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List how a VM is recognised",
		Example: "  midas vm workload-match list -g myResourceGroup --vm-name myVM",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "resource-group", "vm-name"); err != nil {
				return err
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			all, err := a.List(cmd.Context(), t.path(a))
			if err != nil {
				return err
			}
			for i := range all {
				all[i] = matchShape(all[i])
			}
			return c.Print(all)
		},
	}
	t.bind(cmd, false)
	return cmd
}

func (c *CLI) newVMWorkloadMatchDeleteCommand() *cobra.Command {
	var t matchTarget
	cmd := &cobra.Command{
		Use:     "delete",
		Short:   "Remove one way of recognising a VM",
		Example: "  midas vm workload-match delete -g myResourceGroup --vm-name myVM -n office",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := need(cmd, "resource-group", "vm-name", "name"); err != nil {
				return err
			}
			a, err := c.api()
			if err != nil {
				return err
			}
			_, err = a.Do(cmd.Context(), http.MethodDelete, t.path(a), nil)
			return err
		},
	}
	t.bind(cmd, true)
	return cmd
}
