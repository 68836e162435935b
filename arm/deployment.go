package arm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/rest"
)

func (a *API) routeDeployments(t *routes) {
	const all = group + "/providers/" + deploymentType
	p := plain{a, deploymentType}
	t.list(all, deploymentType+"/read", p.list)
	t.add(http.MethodGet, all+"/{name}", deploymentType+"/read", p.get)
	t.add(http.MethodPut, all+"/{name}", deploymentType+"/write", a.putDeployment)
	t.add(http.MethodPost, all+"/{name}/validate", deploymentType+"/validate/action", a.validateDeployment)
	t.add(http.MethodDelete, all+"/{name}", deploymentType+"/delete", p.del)
}

// deployment is one that has been understood, and nothing of it done.
type deployment struct {
	*evaluation
	template template
	steps    []step
}

// putDeployment makes what a template describes, each resource as if the caller had put it
// alone: same permissions, same rules. It is done when it answers, and when a resource
// fails those before it stay, as they do in Azure.
func (a *API) putDeployment(c *call) (answer, error) {
	d, err := a.understand(c)
	if err != nil {
		return answer{}, err
	}
	var done []object
	for _, s := range d.steps {
		body, err := d.body(s)
		if err == nil {
			_, err = a.inner(c, http.MethodPut, s.id, body)
		}
		if err != nil {
			return answer{}, failedDeployment(s, err)
		}
		done = append(done, object{"id": s.id})
	}
	outputs, err := d.outputs()
	if err != nil {
		return answer{}, errTemplate(err)
	}
	text, err := json.Marshal(object{"properties": object{
		"mode": "Incremental", "timestamp": azureTime(a.Now()), "correlationId": c.id, "duration": "PT0S",
		"parameters": d.shown(), "outputs": outputs, "outputResources": done,
	}})
	if err != nil {
		return answer{}, err
	}
	r, created, err := a.Directory.PutPlain(c.Context(), deploymentType, c.vars["group"], c.vars["name"], directory.Change{Body: text})
	ans := plain{a, deploymentType}.show(r)
	delete(ans.(object), "location") // a deployment to a group has none
	return answer{status: made(created), body: ans}, err
}

func (a *API) validateDeployment(c *call) (answer, error) {
	d, err := a.understand(c)
	if err != nil {
		return answer{}, err
	}
	var ids []object
	for _, s := range d.steps {
		ids = append(ids, object{"id": s.id})
	}
	return answer{status: http.StatusOK, body: object{"properties": object{
		"mode": "Incremental", "provisioningState": "Succeeded", "timestamp": azureTime(a.Now()), "correlationId": c.id,
		"parameters": d.shown(), "validatedResources": ids,
	}}}, nil
}

// understand reads a deployment and refuses what cannot be done: a template with something
// unknown, a resource of another type, or one that the caller may not make.
func (a *API) understand(c *call) (*deployment, error) {
	var body struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	given := map[string]any{}
	for name, value := range body.Properties {
		switch strings.ToLower(name) {
		case "template":
		case "mode":
			if strings.Trim(string(value), `"`) != "Incremental" && strings.Trim(string(value), `"`) != "incremental" {
				return nil, errTemplate(fmt.Errorf("the mode %s is not supported here, 'Incremental' is", clip.To(string(value), 200)))
			}
		case "parameters":
			if err := json.Unmarshal(value, &given); err != nil {
				return nil, errJSON(value, err)
			}
		default:
			return nil, errTemplate(fmt.Errorf("the property '%s' of a deployment is not supported here", clip.To(name, 200)))
		}
	}
	t, err := parseTemplate(body.Properties["template"])
	if err != nil {
		return nil, errTemplate(err)
	}
	d := &deployment{template: t}
	if d.evaluation, err = a.evaluation(c, t, given); err != nil {
		return nil, err
	}
	if d.steps, err = t.steps(d.evaluation); err != nil {
		return nil, errTemplate(err)
	}
	// Who may not make a resource learns so before the template costs more.
	for _, s := range d.steps {
		if strings.EqualFold(s.kind, deploymentType) {
			return nil, errTemplate(fmt.Errorf("a deployment within a deployment is not supported here"))
		}
		if _, err := a.prepare(c, http.MethodPut, s.id); err != nil {
			return nil, err
		}
	}
	if d.steps, err = ordered(d.evaluation, d.steps); err != nil {
		return nil, errTemplate(err)
	}
	return d, nil
}

func (a *API) evaluation(c *call, t template, given map[string]any) (*evaluation, error) {
	g, err := a.Directory.GetGroup(c.Context(), c.vars["group"])
	if err != nil {
		return nil, err
	}
	values, err := t.parametersOf(given)
	if err != nil {
		return nil, errTemplate(err)
	}
	_, sub := a.Directory.Tenant()
	return &evaluation{
		subscription:  object{"id": "/subscriptions/" + sub, "subscriptionId": sub, "tenantId": a.showSubscription()["tenantId"], "displayName": "midas"},
		resourceGroup: showGroup(g).(object), parameters: values, variables: t.Variables,
		reference: func(id string) (object, error) {
			ans, err := a.inner(c, http.MethodGet, id, nil)
			found, ok := ans.body.(object)
			if err == nil && !ok {
				err = fmt.Errorf("'%s' cannot be referred to", clip.To(id, 200))
			}
			return found, err
		},
	}, nil
}

// inner does what c's caller could have asked for in a request of its own.
func (a *API) inner(c *call, method, id string, body []byte) (answer, error) {
	in, err := a.prepare(c, method, id)
	if err != nil {
		return answer{}, err
	}
	in.body = body
	a.within(c, in)
	ans, err := a.run(in)
	code := ""
	if err != nil {
		f := faultOf(err)
		ans.status, code = f.status, f.code
	}
	a.note(in, ans, code)
	return ans, err
}

// within makes a request that is part of another an operation of its own, so that locks
// and the activity log know it.
func (a *API) within(c, in *call) {
	if in.Method == http.MethodGet || c.op == nil {
		return
	}
	in.op = &directory.Operation{
		Action: in.route.action, Scope: in.scope, Method: in.Method, RequestID: in.id, CorrelationID: c.op.CorrelationID,
		Caller: c.op.Caller, CallerName: c.op.CallerName, ClientID: c.op.ClientID, Address: c.op.Address, Command: c.op.Command,
	}
	in.Request = in.WithContext(in.op.In(c.Context()))
}

// prepare finds the operation and whether the caller may do it.
func (a *API) prepare(c *call, method, id string) (*call, error) {
	r := c.WithContext(c.Context()) // 800 copies of a header would be many
	r.Method, r.URL = method, &url.URL{Path: id}
	segments, _ := rest.SplitPath(r.URL.EscapedPath())
	in := &call{Request: r, id: c.id, who: c.who, base: c.base, query: map[string]string{"api-version": c.query["api-version"]}}
	found, _ := a.match(in, segments)
	if err := a.authorize(in, found); err != nil {
		return nil, err
	}
	_, own := a.Directory.Tenant()
	switch {
	case found == nil:
		return nil, errNoRoute(segments, c.query["api-version"])
	case in.vars["sub"] != "" && !strings.EqualFold(in.vars["sub"], own):
		return nil, errSubscription(in.vars["sub"])
	}
	return in, nil
}

// body is a resource as its own PUT takes it.
func (d *deployment) body(s step) ([]byte, error) {
	r := s.resource
	out := object{}
	for name, value := range map[string]any{
		"location": r.Location, "tags": r.Tags, "properties": r.Properties, "sku": r.SKU, "plan": r.Plan, "zones": r.Zones, "kind": r.Kind,
	} {
		if value == nil {
			continue
		}
		evaluated, err := d.value(value, 0)
		if err != nil {
			return nil, err
		}
		out[name] = evaluated
	}
	if r.Identity != nil {
		evaluated, err := d.value(r.Identity, 0)
		if err != nil {
			return nil, err
		}
		out["identity"] = identityMap(evaluated.(object))
	}
	text, err := json.Marshal(out)
	if len(text) > maxBody {
		return nil, errTooMuch
	}
	return text, err
}

// identityMap takes the older form of user-assigned identities, a list, for the newer.
func identityMap(identity object) object {
	if ids, ok := identity["identityIds"].([]any); ok {
		byID := object{}
		for _, id := range ids {
			if text, ok := id.(string); ok {
				byID[text] = object{}
			}
		}
		delete(identity, "identityIds")
		identity["userAssignedIdentities"] = byID
	}
	return identity
}

func (d *deployment) outputs() (object, error) {
	out := object{}
	for name, o := range d.template.Outputs {
		value, err := d.value(o.Value, 0)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(strings.ToLower(o.Type), "secure") {
			value = nil
		}
		out[name] = object{"type": o.Type, "value": value}
	}
	return out, nil
}

// shown are the parameters, without those that are secret.
func (d *deployment) shown() object {
	out := object{}
	for name, declared := range d.template.Parameters {
		entry := object{"type": declared.Type}
		if value, ok := lookUp(d.parameters, name); ok && !declared.secret() && !slices.Contains(secret, strings.ToLower(name)) {
			entry["value"] = value
		}
		out[name] = entry
	}
	return out
}

func failedDeployment(s step, err error) error {
	f := faultOf(err)
	if _, known := err.(*fault); !known && f.status >= http.StatusInternalServerError {
		return err // ours to mend, and to log
	}
	return &fault{
		status: f.status, code: "DeploymentFailed",
		message: fmt.Sprintf("At least one resource deployment operation failed. The resource '%s': (%s) %s", s.id, f.code, f.message),
	}
}
