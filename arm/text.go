package arm

import "time"

// azureTime writes a time as Resource Manager does.
func azureTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// orNull shows an absent text as null.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// texts is all, never null.
func texts(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}
