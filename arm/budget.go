package arm

import "fmt"

// What the values of one deployment may come to, together: a template that is small, and
// names its variables often enough, is as large as it likes.
const (
	maxValueBytes = 4 << 20
	maxValueNodes = 100_000
)

// spend charges the deployment for a value with all that is in it.
func (e *evaluation) spend(v any) error {
	if e.nodes++; e.nodes > maxValueNodes {
		return errTooMuch
	}
	switch v := v.(type) {
	case string:
		return e.spendText(v)
	case object:
		for name, member := range v {
			if err := e.spendText(name); err != nil {
				return err
			}
			if err := e.spend(member); err != nil {
				return err
			}
		}
	case []any:
		for _, member := range v {
			if err := e.spend(member); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *evaluation) spendText(text string) error {
	if e.bytes += len(text); e.bytes > maxValueBytes {
		return errTooMuch
	}
	return nil
}

var errTooMuch = fmt.Errorf("the values of the template come to more than %d MiB or %d parts", maxValueBytes>>20, maxValueNodes)
