// Package seed makes a directory hold a declared world: users, groups, applications,
// resource groups, identities, virtual machines, servers and role assignments, written
// down in one YAML file.
//
// It owns the form of that file (world.schema.json) and the order in which its things
// are made. What is there already is brought to what the file says, so that the same
// file may be given again and again; what the file does not name is left alone.
//
// It never deletes a resource, never holds a password in the file itself, and changes
// nothing before the whole file has been read and every name in it is known.
package seed
