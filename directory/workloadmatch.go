package directory

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/midas-mysql/midas"
	"github.com/midas-mysql/midas/internal/clip"
)

// WorkloadMatch is what a workload that shows no secret is recognised by: exactly one of
// Network, UserID and Cgroup is set.
type WorkloadMatch struct {
	VMID    string
	Name    string       // unique among those of the machine
	Network netip.Prefix // its source address is in there
	// InsecureOwn makes Network count for addresses of the machine that midas runs on, too,
	// which each of its users has.
	InsecureOwn bool
	UserID      *uint32 // the process at the other end belongs to that user
	Cgroup      string  // or runs in that control group (version 2) or below it: "/app.slice"
}

// maxWorkloadMatch bounds the text of a control group.
const maxWorkloadMatch = 1024

// WorkloadMatchInput is a WorkloadMatch as an operator writes it: exactly one member is set.
type WorkloadMatchInput struct {
	CIDR   string // a network or one address: "10.1.2.0/24", "10.1.2.3"
	UserID string // of a user of the machine that midas runs on: "1000"
	Cgroup string // a control group of version 2, with all below it: "/app.slice"
	// InsecureOwn makes CIDR count for addresses of the machine that midas runs on, too.
	// Each user of that machine has them, and is the virtual machine then. Without it, a
	// CIDR with loopback addresses is refused, and others do not count for such callers.
	InsecureOwn bool
}

// of returns kind and value of m in its one spelling, or Invalid.
func (m WorkloadMatchInput) of() (kind, value string, err error) {
	set := 0
	for kindOfIt, text := range map[string]string{"cidr": m.CIDR, "uid": m.UserID, "cgroup": m.Cgroup} {
		if text != "" {
			set++
			kind = kindOfIt
		}
	}
	if set != 1 {
		return "", "", midas.Errorf(midas.Invalid, "A workload match has exactly one of cidr, uid and cgroup, not %d.", set)
	}
	if m.InsecureOwn && kind != "cidr" {
		return "", "", midas.Errorf(midas.Invalid, "A workload match by %s has no insecureOwnAddresses, only one by cidr.", kind)
	}
	switch kind {
	case "cidr":
		if value, err = network(m.CIDR); err == nil && !m.InsecureOwn {
			err = notLoopback(value)
		}
	case "uid":
		var id uint64
		// The last number stands for "nobody in particular" in the kernel.
		if id, err = strconv.ParseUint(m.UserID, 10, 32); err != nil || id == 1<<32-1 {
			return "", "", midas.Errorf(midas.Invalid, "The user id '%s' is not a number from 0 to 4294967294.", clip.Text(m.UserID))
		}
		value = strconv.FormatUint(id, 10)
	default:
		value, err = controlGroup(m.Cgroup)
	}
	return kind, value, err
}

// network spells a network one way: two that mean the same must not be two.
func network(text string) (string, error) {
	wrong := midas.Errorf(midas.Invalid, "The cidr '%s' is not a network such as 10.1.2.0/24, nor an address.", clip.Text(text))
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return "", wrong
		}
		prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
	}
	if a := prefix.Addr(); a.Is4In6() {
		if prefix.Bits() < 96 {
			return "", wrong
		}
		prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
	}
	switch {
	case prefix != prefix.Masked():
		return "", midas.Errorf(midas.Invalid, "The cidr '%s' has bits beyond its length: is '%s' meant?", clip.Text(text), prefix.Masked())
	case prefix.Bits() == 0:
		return "", midas.Errorf(midas.Invalid, "The cidr '%s' is everybody.", clip.Text(text))
	}
	return prefix.String(), nil
}

// HoldsLoopback reports whether a network has addresses by which programs of one machine
// reach each other.
func HoldsLoopback(network netip.Prefix) bool {
	return slices.ContainsFunc(loopbacks, network.Overlaps) // of an invalid one, with none
}

var loopbacks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// notLoopback refuses a network by which every user of this machine is the virtual machine.
func notLoopback(network string) error {
	if HoldsLoopback(netip.MustParsePrefix(network)) {
		return midas.Errorf(midas.Invalid, "The cidr '%s' holds loopback addresses, which every user of this machine has: each would be this virtual machine. "+
			"Name a user id or a control group instead; if every user is meant, say insecureOwnAddresses (--insecure-own-addresses) besides.", network)
	}
	return nil
}

func controlGroup(text string) (string, error) {
	clean := path.Clean("/" + text)
	if len(text) > maxWorkloadMatch || !strings.HasPrefix(text, "/") || clean == "/" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) ||
		strings.Contains(text, "..") {
		return "", midas.Errorf(midas.Invalid, "The cgroup '%s' is not the path of a control group, such as /system.slice/app.service.", clip.Text(text))
	}
	return clean, nil
}

// PutWorkloadMatch makes or replaces the workload match of that name. Errors are NotFound
// (the machine), Invalid, or Conflict when another machine has the same match or one that
// overlaps with it.
func (d *Directory) PutWorkloadMatch(ctx context.Context, by *Operation, group, vm, name string, m WorkloadMatchInput) (r WorkloadMatch, created bool, err error) {
	kind, value, err := m.of()
	if err != nil {
		return r, false, err
	}
	if err := checkWorkloadMatch(name); err != nil {
		return r, false, err
	}
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		machine, err := d.loadResource(ctx, tx, vmKind, group, vm)
		if err != nil {
			return err
		}
		var taken int
		err = tx.QueryRowContext(ctx, `SELECT 1 FROM recognition WHERE kind = ? AND value = ? AND NOT (vm = ? AND key = ?)`,
			kind, value, machine.row, fold(name)).Scan(&taken)
		switch {
		case err == nil:
			// Whose it is may not be for the caller to know.
			return midas.Errorf(midas.Conflict, "The %s '%s' is a workload match of this or another virtual machine already.", kind, value)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if err := d.checkOverlap(ctx, tx, machine.row, kind, value); err != nil {
			return err
		}
		gone, err := affected(tx.ExecContext(ctx, `DELETE FROM recognition WHERE vm = ? AND key = ?`, machine.row, fold(name)))
		if err != nil {
			return err
		}
		created = !gone
		if _, err := tx.ExecContext(ctx, `INSERT INTO recognition (vm, key, name, kind, value, created, insecure_own) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			machine.row, fold(name), name, kind, value, d.millis(), m.InsecureOwn); err != nil {
			return err
		}
		r, err = d.loadWorkloadMatch(ctx, tx, machine.row, name)
		return err
	})
	return r, created, err
}

func checkWorkloadMatch(name string) error {
	if name == "" || len(name) > 80 || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || strings.Trim(name, ".") == "" {
		return midas.Errorf(midas.Invalid, "The name '%s' of a workload match is not 1 to 80 letters, digits, hyphens, underscores and full stops.", clip.Text(name))
	}
	return nil
}

// GetWorkloadMatch returns the workload match of that name, or NotFound.
func (d *Directory) GetWorkloadMatch(ctx context.Context, group, vm, name string) (r WorkloadMatch, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		machine, err := d.loadResource(ctx, tx, vmKind, group, vm)
		if err != nil {
			return err
		}
		r, err = d.loadWorkloadMatch(ctx, tx, machine.row, name)
		if errors.Is(err, sql.ErrNoRows) {
			return midas.Errorf(midas.NotFound, "The virtual machine '%s' has no workload match '%s'.", vm, clip.Text(name))
		}
		return err
	})
	return r, err
}

// ListWorkloadMatches returns those of one machine by name, or NotFound.
func (d *Directory) ListWorkloadMatches(ctx context.Context, group, vm string) (all []WorkloadMatch, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		machine, err := d.loadResource(ctx, tx, vmKind, group, vm)
		if err != nil {
			return err
		}
		all, err = scanWorkloadMatches(tx.QueryContext(ctx, workloadMatchQuery+`WHERE c.vm = ? ORDER BY c.key`, machine.row))
		return err
	})
	return all, err
}

// DeleteWorkloadMatch removes one; existed is false when there was none.
func (d *Directory) DeleteWorkloadMatch(ctx context.Context, by *Operation, group, vm, name string) (existed bool, err error) {
	err = d.write(ctx, by, func(ctx context.Context, tx *sql.Tx) error {
		existed, err = affected(tx.ExecContext(ctx, `DELETE FROM recognition WHERE key = ? AND vm = (
  SELECT id FROM resource WHERE kind = ? AND group_key = ? AND key = ?)`, fold(name), vmKind, fold(group), fold(vm)))
		return err
	})
	return existed, err
}

// WorkloadMatches returns those of all machines.
func (d *Directory) WorkloadMatches(ctx context.Context) (all []WorkloadMatch, err error) {
	err = d.read(ctx, func(ctx context.Context, tx *sql.Tx) error {
		all, err = scanWorkloadMatches(tx.QueryContext(ctx, workloadMatchQuery+`ORDER BY c.vm, c.key`))
		return err
	})
	return all, err
}

const workloadMatchQuery = `SELECT v.vm_id, c.name, c.kind, c.value, c.insecure_own FROM recognition c JOIN vm v ON v.resource = c.vm `

func (d *Directory) loadWorkloadMatch(ctx context.Context, tx *sql.Tx, machine int64, name string) (WorkloadMatch, error) {
	all, err := scanWorkloadMatches(tx.QueryContext(ctx, workloadMatchQuery+`WHERE c.vm = ? AND c.key = ?`, machine, fold(name)))
	if err == nil && len(all) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return WorkloadMatch{}, err
	}
	return all[0], nil
}

func scanWorkloadMatches(rows *sql.Rows, err error) ([]WorkloadMatch, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []WorkloadMatch
	for rows.Next() {
		var r WorkloadMatch
		var kind, value string
		if err := rows.Scan(&r.VMID, &r.Name, &kind, &value, &r.InsecureOwn); err != nil {
			return nil, err
		}
		switch kind {
		case "cidr":
			r.Network, err = netip.ParsePrefix(value)
		case "uid":
			var id uint64
			id, err = strconv.ParseUint(value, 10, 32)
			uid := uint32(id)
			r.UserID = &uid
		default:
			r.Cgroup = value
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
