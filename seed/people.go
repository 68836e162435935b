package seed

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/directory"
	"github.com/midas-mysql/midas/internal/keyfile"
)

func (m *maker) makeUsers(ctx context.Context) error {
	for i, u := range m.Users {
		before, err := m.Directory.GetUser(ctx, u.Name)
		switch {
		case midas.CodeOf(err) == midas.NotFound:
			if err := m.makeUser(ctx, i, u); err != nil {
				return err
			}
			m.changed("user", u.Name)
		case err != nil:
			return err
		case u.DisplayName != "" && u.DisplayName != before.DisplayName:
			if _, err := m.Directory.UpdateUser(ctx, nil, before.ObjectID, directory.UserChange{DisplayName: &u.DisplayName}); err != nil {
				return m.at(err, "users", i, "display-name")
			}
			m.changed("user", u.Name)
		}
	}
	return nil
}

func (m *maker) makeUser(ctx context.Context, i int, u User) error {
	nickname, _, _ := strings.Cut(u.Name, "@")
	if u.DisplayName == "" {
		u.DisplayName = nickname
	}
	change := directory.UserChange{UPN: &u.Name, DisplayName: &u.DisplayName, MailNickname: &nickname}
	field := "name"
	var password string
	switch {
	case u.PasswordEnv != "":
		field = "password-env"
		if password = m.Getenv(u.PasswordEnv); password == "" {
			return m.complain("the variable %s is not set, which should hold the password of %s", []any{u.PasswordEnv, u.Name}, "users", i, field)
		}
	case u.PasswordFile != "":
		field = "password-file"
		var err error
		if password, err = m.firstLine(u.PasswordFile); err != nil {
			return m.complain("%s", []any{err}, "users", i, field)
		}
	}
	if password != "" {
		change.Password = &password
	}
	_, err := m.Directory.CreateUser(ctx, nil, change)
	return m.at(err, "users", i, field)
}

// path is where a file is that the world names.
func (m *maker) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(m.Folder, name)
}

func (m *maker) firstLine(name string) (string, error) {
	f, err := os.Open(m.path(name))
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	if !lines.Scan() || lines.Text() == "" {
		return "", midas.Errorf(midas.Invalid, "%s has no first line", name)
	}
	return strings.TrimSuffix(lines.Text(), "\r"), nil
}

func (m *maker) makeApplications(ctx context.Context) error {
	for i, a := range m.Applications {
		found, err := m.Directory.Named(ctx, midas.KindService, a.Name)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			continue
		}
		made, secret, err := m.Directory.CreateApplication(ctx, a.Name)
		if err != nil {
			return m.at(err, "applications", i, "name")
		}
		if err := m.hand(a, made.ClientID, secret); err != nil {
			return m.complain("%s", []any{err}, "applications", i, "secret-file")
		}
		m.changed("application", a.Name)
	}
	return nil
}

// hand writes an application's credential where its owner finds it. A trial only looks
// whether it could be written: a file that is there is somebody's, and stays.
func (m *maker) hand(a Application, clientID, secret string) error {
	path := m.path(a.SecretFile)
	if m.trial {
		if _, err := os.Lstat(path); err == nil {
			return midas.Errorf(midas.Invalid, "%s exists already", path)
		}
		folder, err := os.Stat(filepath.Dir(path))
		if err == nil && !folder.IsDir() {
			err = midas.Errorf(midas.Invalid, "%s is no folder", filepath.Dir(path))
		}
		return err
	}
	tenant, _ := m.Directory.Tenant()
	text, err := json.MarshalIndent(map[string]string{"appId": clientID, "displayName": a.Name, "password": secret, "tenant": tenant}, "", "  ")
	if err != nil {
		return err
	}
	return keyfile.Create(path, append(text, '\n'), 0o600)
}

// makeGroups makes all groups before it fills any: they may contain each other.
func (m *maker) makeGroups(ctx context.Context) error {
	ids := make([]string, len(m.Groups))
	for i, g := range m.Groups {
		found, err := m.Directory.Named(ctx, midas.KindGroup, g.Name)
		switch {
		case err != nil:
			return err
		case len(found) > 1:
			return m.complain("%d groups are named %q", []any{len(found), g.Name}, "groups", i, "name")
		case len(found) == 1:
			ids[i] = found[0].ObjectID
		default:
			nickname := "group" // where the name has no letter that one may have
			if short := strings.Map(nicknamed, g.Name); short != "" {
				nickname = short
			}
			made, err := m.Directory.CreateSecurityGroup(ctx, nil, directory.SecurityGroupChange{Name: &g.Name, MailNickname: &nickname, Description: &g.Description})
			if err != nil {
				return m.at(err, "groups", i, "name")
			}
			ids[i] = made.ObjectID
			m.changed("group", g.Name)
		}
	}
	for i, g := range m.Groups {
		if err := m.fill(ctx, i, g, ids[i]); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) fill(ctx context.Context, i int, g Group, id string) error {
	if g.Members == nil {
		return nil
	}
	members := make([]string, len(g.Members))
	for n, member := range g.Members {
		var err error
		if members[n], err = m.principal(ctx, member, "groups", i, "members", n); err != nil {
			return err
		}
	}
	changed, err := m.Directory.SetMembers(ctx, id, members)
	if err != nil {
		return m.at(err, "groups", i, "members")
	}
	if changed {
		m.changed("members of group", g.Name)
	}
	return nil
}

// nicknamed keeps of a name what a mail nickname may hold.
func nicknamed(c rune) rune {
	if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' {
		return c
	}
	return -1
}
