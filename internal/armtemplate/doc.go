// Package armtemplate owns the language of Resource Manager templates: it reads a template,
// evaluates the expressions in it within bounds, and orders its resources by their
// dependencies.
//
// It never creates a resource, and never judges who may: its caller does what the steps say.
// What it does not understand is an error, so that nothing of a template is passed over.
package armtemplate
