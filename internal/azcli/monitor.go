package azcli

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/midas-mysql/midas/internal/usage"
)

func (c *CLI) newMonitorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "monitor", Short: "The activity log: who asked for which change"}
	log := &cobra.Command{Use: "activity-log", Short: "The activity log"}
	log.AddCommand(c.newActivityLogListCommand())
	cmd.AddCommand(log)
	return cmd
}

func (c *CLI) newActivityLogListCommand() *cobra.Command {
	var (
		group, resource, namespace, correlation, caller, status, start, end string
		offset                                                              time.Duration
		most                                                                int
	)
	cmd := &cobra.Command{
		Use: "list", Short: "List events, the last first",
		Example: "  midas monitor activity-log list --resource-group myResourceGroup --offset 1h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := c.api()
			if err != nil {
				return err
			}
			from, to, err := c.span(start, end, offset)
			if err != nil {
				return err
			}
			filter := fmt.Sprintf("eventTimestamp ge '%s' and eventTimestamp le '%s'", from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano))
			for _, one := range [][2]string{
				{"resourceGroupName", group}, {"resourceUri", resource}, {"resourceProvider", namespace}, {"correlationId", correlation}, {"caller", caller}, {"status", status},
			} {
				if one[1] != "" {
					filter += " and " + one[0] + " eq " + quoted(one[1])
				}
			}
			query := url.Values{"$filter": {filter}, "api-version": {"2015-04-01"}}
			all, err := a.List(cmd.Context(), "/subscriptions/"+a.Operator.SubscriptionID+
				"/providers/Microsoft.Insights/eventtypes/management/values?"+strings.ReplaceAll(query.Encode(), "+", "%20"))
			if err != nil {
				return err
			}
			c.Columns = "[].{Time: eventTimestamp, Operation: operationName.value, Status: status.value, Caller: caller, Resource: resourceId}"
			return c.Print(all[:min(len(all), most)])
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&group, "resource-group", "g", "", "events of this group")
	flags.StringVar(&resource, "resource-id", "", "events of this resource")
	flags.StringVar(&namespace, "namespace", "", "events of this provider, as Microsoft.Compute")
	flags.StringVar(&correlation, "correlation-id", "", "events of this correlation")
	flags.StringVar(&caller, "caller", "", "events of this caller: an object id or user principal name")
	flags.StringVar(&status, "status", "", "Succeeded or Failed")
	flags.StringVar(&start, "start-time", "", "first time, as 2026-01-31T12:00:00Z (default --offset before the last)")
	flags.StringVar(&end, "end-time", "", "last time (default now)")
	flags.DurationVar(&offset, "offset", 6*time.Hour, "how far to look back")
	flags.IntVar(&most, "max-events", 50, "how many events")
	return cmd
}

// span is the time that the flags of the activity log mean.
func (c *CLI) span(start, end string, offset time.Duration) (from, to time.Time, err error) {
	to = c.now().UTC()
	for _, one := range []struct {
		flag, text string
		into       *time.Time
	}{{"end-time", end, &to}, {"start-time", start, &from}} {
		if one.text == "" {
			continue
		}
		if *one.into, err = time.Parse(time.RFC3339, one.text); err != nil {
			return from, to, usage.Errorf("--%s %q is not a time", one.flag, one.text).WithHint("a time looks like 2026-01-31T12:00:00Z")
		}
	}
	switch {
	case start == "":
		from = to.Add(-offset)
	case end == "":
		to = from.Add(offset)
	}
	return from.UTC(), to.UTC(), nil
}
