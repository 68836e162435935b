package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/armclient"
	"github.com/midas-mysql/midas/internal/injection"
	"github.com/midas-mysql/midas/internal/usage"
	"github.com/midas-mysql/midas/internal/workload"
)

// faultVersion is the api-version of the switch for faults, which is not Azure's.
const faultVersion = "2026-01-01"

// faultTarget says which VMs have the faults: one, or all.
type faultTarget struct {
	vm  workload.Machine
	all bool
}

func (t *faultTarget) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.vm.Name, "vm", "", "name of the VM")
	cmd.Flags().StringVarP(&t.vm.Group, "resource-group", "g", "", "resource group of the VM, if several have one of that name")
	cmd.Flags().BoolVar(&t.all, "all", false, "every VM")
}

// path returns where the faults, or another word, of the target are.
func (t *faultTarget) path(ctx context.Context, a *armclient.Client, word string) (string, error) {
	switch {
	case t.all == (t.vm.Name != ""):
		return "", usage.Errorf("say which VM with --vm, or --all")
	case t.all:
		return armclient.ResourcePath(a.Operator.SubscriptionID, faultVersion, "providers", "Microsoft.Compute", word), nil
	}
	vm, err := t.vm.Look(ctx, a)
	if err != nil {
		return "", err
	}
	r, err := armclient.VMs.ParseID(armclient.Text(vm, "id"))
	if err != nil {
		return "", err
	}
	return armclient.VMs.Path(r, word), nil
}

func (c *cli) newFaultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fault",
		Short: "Inject faults into the metadata endpoint, to test how a program handles them",
		Long: `Let the metadata endpoint answer requests for tokens wrongly: a number of times, for a
while. Nothing of it is kept when midas ends. It needs a permission of its own, and each
fault that affects a request is logged.

` + faultHelp(),
	}
	cmd.AddCommand(c.newFaultSetCommand(), c.newFaultListCommand(), c.newFaultClearCommand())
	return cmd
}

// faultHelp lists the kinds.
func faultHelp() string {
	says := map[injection.Kind]string{
		injection.Throttled:     "429, as after too many requests",
		injection.NotFound:      "404, as while IMDS is updated",
		injection.Gone:          "410, as while IMDS is updated",
		injection.ServerError:   "500",
		injection.Slow:          "the right answer, --delay later",
		injection.Expired:       "a token that expired an hour ago",
		injection.WrongAudience: "a token for somebody else",
		injection.UnknownKey:    "a token signed with a key that nobody publishes",
		injection.Empty:         "200 without a body",
		injection.NotJSON:       "200 with a web page",
	}
	var b strings.Builder
	b.WriteString("Kinds:\n")
	for _, kind := range injection.Kinds {
		b.WriteString("  " + string(kind) + strings.Repeat(" ", 16-len(kind)) + says[kind] + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func faultKinds() []string {
	var names []string
	for _, kind := range injection.Kinds {
		names = append(names, string(kind))
	}
	return names
}

func (c *cli) newFaultSetCommand() *cobra.Command {
	var (
		t               faultTarget
		kind            string
		count           int
		duration, delay time.Duration
	)
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Inject a fault",
		Long:  "Inject a fault.\n\n" + faultHelp(),
		Example: `  midas fault set --vm myVM --kind gone --count 3
  midas fault set --all --kind slow --delay 5s --count 100 --duration 10m`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(faultKinds(), kind) {
				return usage.Errorf("--kind %q is not a fault", kind).WithHint("kinds: %s", strings.Join(faultKinds(), ", "))
			}
			a, err := c.Client()
			if err != nil {
				return err
			}
			path, err := t.path(cmd.Context(), a, "injectFault")
			if err != nil {
				return err
			}
			body := map[string]any{"kind": kind, "count": count, "durationSeconds": duration.Seconds()}
			if kind == string(injection.Slow) {
				body["delaySeconds"] = delay.Seconds()
			}
			answer, err := a.Do(cmd.Context(), http.MethodPost, path, body)
			if err != nil {
				return err
			}
			return c.Print(answer)
		},
	}
	t.bind(cmd)
	cmd.Flags().StringVar(&kind, "kind", "", "what goes wrong")
	cmd.Flags().IntVar(&count, "count", 1, "how many requests it affects")
	cmd.Flags().DurationVar(&duration, "duration", time.Minute, "how long it stays, up to 24h")
	cmd.Flags().DurationVar(&delay, "delay", 5*time.Second, "how much later the kind slow answers, up to 2m")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(faultKinds(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *cli) newFaultListCommand() *cobra.Command {
	var t faultTarget
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the faults injected for a VM, including those for all VMs, or those for all alone",
		Example: "  midas fault list --vm myVM",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.Client()
			if err != nil {
				return err
			}
			t.all = t.all || t.vm.Name == ""
			path, err := t.path(cmd.Context(), a, "faults")
			if err != nil {
				return err
			}
			all, err := a.List(cmd.Context(), path)
			if err != nil {
				return err
			}
			return c.Print(all)
		},
	}
	t.bind(cmd)
	return cmd
}

func (c *cli) newFaultClearCommand() *cobra.Command {
	var t faultTarget
	cmd := &cobra.Command{
		Use:   "clear",
		Short: "End the faults injected for a VM, or those for all VMs",
		Example: `  midas fault clear --vm myVM
  midas fault clear --all`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.Client()
			if err != nil {
				return err
			}
			path, err := t.path(cmd.Context(), a, "faults")
			if err != nil {
				return err
			}
			_, err = a.Do(cmd.Context(), http.MethodDelete, path, nil)
			return err
		},
	}
	t.bind(cmd)
	return cmd
}
