package arm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/armtemplate"
	"github.com/midas-mysql/midas/internal/clip"
	"github.com/midas-mysql/midas/internal/rest"
)

func (a *API) routeDeployments(t *routes) {
	const all = group + "/providers/" + deploymentType
	p := opaque{a, deploymentType}
	t.list(all, deploymentType+"/read", p.list)
	t.add(http.MethodGet, all+"/{name}", deploymentType+"/read", p.get)
	t.add(http.MethodPut, all+"/{name}", deploymentType+"/write", a.putDeployment)
	t.add(http.MethodPost, all+"/{name}/validate", deploymentType+"/validate/action", a.validateDeployment)
	t.add(http.MethodDelete, all+"/{name}", deploymentType+"/delete", p.del)
}

// deployment is one that has been read and checked; nothing of it has been done.
type deployment struct {
	evaluation *armtemplate.Evaluation
	template   armtemplate.Template
	steps      []armtemplate.Step
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
			_, err = a.inner(c, http.MethodPut, s.ID, body)
		}
		if err != nil {
			return answer{}, failedDeployment(s, err)
		}
		done = append(done, object{"id": s.ID})
	}
	outputs, err := d.template.OutputValues(d.evaluation)
	if err != nil {
		return answer{}, errTemplate(err)
	}
	text, err := json.Marshal(object{"properties": object{
		"mode": "Incremental", "timestamp": azureTime(a.Now()), "correlationId": c.id, "duration": "PT0S",
		"parameters": d.publicParameters(), "outputs": outputs, "outputResources": done,
	}})
	if err != nil {
		return answer{}, err
	}
	r, created, err := a.Directory.PutOpaque(c.Context(), c.op, deploymentType, c.vars["group"], c.vars["name"], directory.Change{Body: text})
	ans := opaque{a, deploymentType}.show(r)
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
		ids = append(ids, object{"id": s.ID})
	}
	return answer{status: http.StatusOK, body: object{"properties": object{
		"mode": "Incremental", "provisioningState": "Succeeded", "timestamp": azureTime(a.Now()), "correlationId": c.id,
		"parameters": d.publicParameters(), "validatedResources": ids,
	}}}, nil
}

// understand reads a deployment and refuses what cannot be done: a template with something
// unknown, a resource of another type, or one that the caller may not create.
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
	t, err := armtemplate.Parse(body.Properties["template"])
	if err != nil {
		return nil, errTemplate(errors.New(jsonWords(body.Properties["template"], err)))
	}
	d := &deployment{template: t}
	if d.evaluation, err = a.evaluation(c, t, given); err != nil {
		return nil, err
	}
	if d.steps, err = t.Steps(d.evaluation); err != nil {
		return nil, errTemplate(err)
	}
	// A caller who may not make a resource is refused before the template costs more.
	for _, s := range d.steps {
		if strings.EqualFold(s.Kind, deploymentType) {
			return nil, errTemplate(fmt.Errorf("a deployment within a deployment is not supported here"))
		}
		if _, err := a.prepare(c, http.MethodPut, s.ID); err != nil {
			return nil, err
		}
	}
	if d.steps, err = armtemplate.Order(d.evaluation, d.steps); err != nil {
		return nil, errTemplate(err)
	}
	return d, nil
}

func (a *API) evaluation(c *call, t armtemplate.Template, given map[string]any) (*armtemplate.Evaluation, error) {
	g, err := a.Directory.GetGroup(c.Context(), c.vars["group"])
	if err != nil {
		return nil, err
	}
	values, err := t.ParameterValues(given)
	if err != nil {
		return nil, errTemplate(err)
	}
	_, sub := a.Directory.Tenant()
	return &armtemplate.Evaluation{
		Subscription:  object{"id": "/subscriptions/" + sub, "subscriptionId": sub, "tenantId": a.showSubscription()["tenantId"], "displayName": "midas"},
		ResourceGroup: showGroup(g).(object), Parameters: values, Variables: t.Variables,
		Reference: func(id string) (object, error) {
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
		f := armErrorOf(err)
		ans.status, code = f.status, f.code
	}
	a.note(in, ans, code)
	return ans, err
}

// within makes a request that is part of another an operation of its own, with its own roles,
// locks and entry in the activity log.
func (a *API) within(c, in *call) {
	if in.Method == http.MethodGet || c.op == nil {
		return
	}
	in.op = &directory.Operation{
		Action: in.route.action, Scope: in.scope, Method: in.Method, RequestID: in.id, CorrelationID: c.op.CorrelationID,
		Caller: c.op.Caller, CallerName: c.op.CallerName, ClientID: c.op.ClientID, Address: c.op.Address, Command: c.op.Command,
	}
	in.op.AnyRole = in.route.audience != allowed
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

// body returns a resource as its own PUT takes it.
func (d *deployment) body(s armtemplate.Step) ([]byte, error) {
	out, err := s.Resource.Body(d.evaluation)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(out)
	if len(text) > maxBody {
		return nil, armtemplate.ErrTooMuch
	}
	return text, err
}

// publicParameters returns the parameters, the secret ones without their values.
func (d *deployment) publicParameters() object {
	out := object{}
	for name, declared := range d.template.Parameters {
		entry := object{"type": declared.Type}
		if value, ok := armtemplate.LookUp(d.evaluation.Parameters, name); ok && !declared.Secret() && !slices.Contains(secret, strings.ToLower(name)) {
			entry["value"] = value
		}
		out[name] = entry
	}
	return out
}

func failedDeployment(s armtemplate.Step, err error) error {
	f := armErrorOf(err)
	if _, known := err.(*armError); !known && f.status >= http.StatusInternalServerError {
		return err // an error of midas, which render logs
	}
	return &armError{
		status: f.status, code: "DeploymentFailed",
		message: fmt.Sprintf("At least one resource deployment operation failed. The resource '%s': (%s) %s", s.ID, f.code, f.message),
	}
}

func errTemplate(why error) *armError {
	return &armError{
		status: http.StatusBadRequest, code: "InvalidTemplate",
		message: "Deployment template validation failed: '" + why.Error() + "'.",
	}
}
