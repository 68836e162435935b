package arm

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
)

// activityRead is the permission to read the activity log.
const activityRead = "Microsoft.Insights/eventtypes/values/read"

// activityPage is how many events a page has: some 2 KB each.
const activityPage = 200

func (a *API) routeActivity(t *routes) {
	t.list(subscription+"/providers/Microsoft.Insights/eventtypes/management/values", activityRead, a.listActivity)
}

// listActivity shows the events of scopes that the caller may read the log of, the last
// first. Without a time it begins, as Azure's does, 90 days ago.
func (a *API) listActivity(c *call) (answer, error) {
	f, none, err := a.activityFilter(c)
	if err != nil {
		return answer{}, err
	}
	after, size, err := c.cut()
	if err != nil {
		return answer{}, err
	}
	if none {
		return answer{status: http.StatusOK, body: object{"value": []object{}}}, nil
	}
	if after != "" {
		if f.Before, err = strconv.ParseInt(after, 10, 64); err != nil || f.Before < 1 {
			return answer{}, errQuery("the value of '$skiptoken' is not one that was given out")
		}
	}
	f.Limit = min(size, activityPage)
	var chosen []string
	if text := c.query["$select"]; text != "" {
		for name := range strings.SplitSeq(text, ",") {
			chosen = append(chosen, strings.TrimSpace(name))
		}
	}
	value := []object{}
	body := object{}
	// Events that the caller may not see are passed over, so that a page has as many as
	// it can.
	for {
		events, next, err := a.Directory.Activities(c.Context(), f)
		if err != nil {
			return answer{}, err
		}
		for _, e := range events {
			if c.sees(e.ResourceID) {
				value = append(value, selected(a.showActivity(e), chosen))
			}
		}
		f.Before = next
		if next == 0 {
			break
		}
		if len(value) > 0 {
			body["nextLink"] = c.nextLink(strconv.FormatInt(next, 10))
			break
		}
	}
	body["value"] = value
	return answer{status: http.StatusOK, body: body}, nil
}

// activityFilter reads the conditions of the list; none tells that no event here meets them.
func (a *API) activityFilter(c *call) (f directory.ActivityFilter, none bool, err error) {
	conditions, err := c.filter("eventTimestamp", "resourceGroupName", "resourceUri", "resourceId", "resourceProvider", "correlationId",
		"caller", "status", "eventChannels", "levels", "operationId", "eventDataId")
	if err == nil {
		err = once(conditions, "eventtimestamp")
	}
	if err != nil {
		return f, false, err
	}
	succeeded, failed := true, true
	for _, one := range conditions {
		switch one.name {
		case "eventtimestamp":
			at, err := eventTime(one.value)
			if err != nil {
				return f, false, errFilter("'" + clip.To(one.value, 64) + "' is not a time of ISO 8601")
			}
			switch one.op {
			case "ge", "gt":
				f.From = at
			case "le", "lt":
				f.To = at
			default:
				return f, false, errFilter("eventTimestamp is compared by ge and le")
			}
		case "resourcegroupname":
			f.Group = one.value
		case "resourceuri", "resourceid":
			f.ResourceID = one.value
		case "resourceprovider":
			f.Provider = one.value
		case "correlationid":
			f.CorrelationID = one.value
		case "operationid", "eventdataid":
			f.EventID = one.value
		case "caller":
			f.Caller = one.value
		case "status":
			succeeded, failed = succeeded && among(one.value, "Succeeded"), failed && among(one.value, "Failed")
		case "levels":
			succeeded, failed = succeeded && among(one.value, levelOf(true)), failed && among(one.value, levelOf(false))
		}
	}
	if succeeded != failed {
		f.Succeeded = &succeeded
	}
	return f, !succeeded && !failed, nil
}

// among tells whether a list with commas has the word.
func among(list, word string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(one string) bool { return strings.EqualFold(strings.TrimSpace(one), word) })
}

// levelOf is the level of an event.
func levelOf(succeeded bool) string {
	if succeeded {
		return "Informational"
	}
	return "Error"
}

// eventTime reads a time; one without a zone is UTC, as az's are.
func eventTime(text string) (time.Time, error) {
	text = strings.ToUpper(strings.ReplaceAll(text, " ", "+")) // a plus sign that was not escaped
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Parse(time.RFC3339Nano, text)
}

// selected leaves of an event what $select asks for.
func selected(event object, chosen []string) object {
	if len(chosen) == 0 {
		return event
	}
	out := object{}
	for name, value := range event {
		for _, wanted := range chosen {
			if strings.EqualFold(name, wanted) {
				out[name] = value
			}
		}
	}
	return out
}

// localizable is a text in the form of Azure Monitor.
func localizable(text string) object { return object{"value": text, "localizedValue": text} }

// showActivity is an event in the form of Azure Monitor.
// Source: Microsoft, "Azure activity log event schema", category Administrative.
func (a *API) showActivity(e directory.Activity) object {
	tenant, sub := a.Directory.Tenant()
	status := "Succeeded"
	if !e.Succeeded {
		status = "Failed"
	}
	caller := e.Caller
	if e.CallerName != "" {
		caller = e.CallerName
	}
	sub2 := ""
	properties := object{"eventCategory": "Administrative", "entity": e.ResourceID, "message": e.Action, "hierarchy": sub}
	if e.Status != 0 {
		sub2 = strings.ReplaceAll(http.StatusText(e.Status), " ", "")
		properties["statusCode"] = sub2
	}
	if e.Code != "" {
		text, _ := json.Marshal(object{"error": object{"code": e.Code}})
		properties["statusMessage"] = string(text)
	}
	if e.Command != "" {
		properties["commandName"] = e.Command
	}
	if e.RequestID != "" {
		properties["serviceRequestId"] = e.RequestID
	}
	kind, provider := typeOf(e.ResourceID, e.Action)
	return object{
		"id":          e.ResourceID + "/events/" + e.ID + "/ticks/" + strconv.FormatInt(ticks(e.Time), 10),
		"eventDataId": e.ID, "operationId": e.ID, "correlationId": e.CorrelationID, "caller": caller, "channels": "Operation", "description": "",
		"authorization": object{"action": e.Action, "scope": e.ResourceID},
		"claims": object{
			"http://schemas.microsoft.com/identity/claims/objectidentifier": e.Caller, "appid": e.ClientID,
		},
		"category": localizable("Administrative"), "eventName": localizable("EndRequest"), "level": levelOf(e.Succeeded), "status": localizable(status),
		"subStatus": localizable(sub2), "operationName": localizable(e.Action), "resourceProviderName": localizable(provider),
		"resourceType": localizable(kind), "resourceId": e.ResourceID, "resourceGroupName": groupIn(e.ResourceID),
		"eventTimestamp": azureTime(e.Time), "submissionTimestamp": azureTime(e.Time), "subscriptionId": sub, "tenantId": tenant,
		"httpRequest": object{"clientRequestId": e.CorrelationID, "clientIpAddress": e.Address, "method": e.Method},
		"properties":  properties,
	}
}

// ticks counts in .NET's way: 100 ns since the year 1.
func ticks(t time.Time) int64 {
	return t.Unix()*10_000_000 + int64(t.Nanosecond()/100) + 621_355_968_000_000_000
}

// typeOf is the type that an action is about and its namespace.
func typeOf(id, action string) (kind, provider string) {
	provider, _, _ = strings.Cut(action, "/")
	kind = action
	for range 1 + strings.Count(strings.ToLower(action), "/action") {
		if i := strings.LastIndexByte(kind, '/'); i > 0 {
			kind = kind[:i]
		}
	}
	return kind, provider
}

// groupIn is the resource group that an ARM id names, or "".
func groupIn(id string) string {
	part := strings.Split(id, "/")
	if len(part) > 4 && strings.EqualFold(part[3], "resourceGroups") {
		return part[4]
	}
	return ""
}

// getOperation tells what has come of an operation that was answered with
// Azure-AsyncOperation. Its id is that of its event in the activity log, which lives as
// long as that does; a caller who may not read the operation's resource learns nothing.
func (a *API) getOperation(c *call) (answer, error) {
	e, err := a.operation(c)
	if err != nil {
		return answer{}, err
	}
	status := "Succeeded"
	if !e.Succeeded {
		status = "Failed"
	}
	return answer{status: http.StatusOK, body: object{
		"id": c.URL.Path, "name": e.ID, "status": status, "startTime": azureTime(e.Time), "endTime": azureTime(e.Time), "percentComplete": 100,
	}}, nil
}

// getOperationResult is where Location leads: to nothing more than that it is done.
func (a *API) getOperationResult(c *call) (answer, error) {
	_, err := a.operation(c)
	return answer{status: http.StatusOK}, err
}

func (a *API) operation(c *call) (directory.Activity, error) {
	id := c.vars["operation"]
	unknown := &armError{status: http.StatusNotFound, code: "NotFound", message: "The operation '" + clip.To(id, 64) + "' could not be found."}
	if uuid.Validate(id) != nil {
		return directory.Activity{}, unknown
	}
	e, err := a.Directory.ActivityByID(c.Context(), id)
	if err != nil {
		return e, err
	}
	if !strings.EqualFold(e.Caller, c.who.ObjectID) && !c.access.Allowed(activityRead, e.ResourceID) {
		return e, unknown
	}
	return e, nil
}
