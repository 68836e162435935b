package output

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/midas-mysql/midas"
)

// encodeTSV writes one line per element of a list, else one line: scalars, the
// values of an object or inner list between tabs, a list within them as its length
// and an object as nothing.
func encodeTSV(answer any, orders [][]string) string {
	rows, ok := answer.([]any)
	if !ok {
		rows = []any{answer}
	}
	var b strings.Builder
	for _, row := range rows {
		switch row := row.(type) {
		case []any:
			writeCells(&b, row)
		case map[string]any:
			var cells []any
			for _, key := range keysOf(row, orders) {
				cells = append(cells, row[key])
			}
			writeCells(&b, cells)
		case bool:
			b.WriteString(strconv.FormatBool(row)) // alone lower case, in a row as Python spells it
		default:
			b.WriteString(scalar(row))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func writeCells(b *strings.Builder, cells []any) {
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte('\t')
		}
		switch cell := cell.(type) {
		case []any:
			b.WriteString(strconv.Itoa(len(cell)))
		case map[string]any:
		default:
			b.WriteString(scalar(cell))
		}
	}
}

// scalar spells a value as Python's str does, which is what az's scripts compare with. A
// text keeps to its cell: az lets tabs, line breaks and sequences for the terminal through.
func scalar(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return Printable(v)
	}
	return ""
}

// skippedColumns are too wide or too dull for a table.
var skippedColumns = map[string]bool{"id": true, "type": true, "etag": true}

// encodeTable writes the scalar values of each element in columns, two spaces apart,
// under capitalised names and dashes.
func encodeTable(answer any, orders [][]string) (string, error) {
	rows, ok := answer.([]any)
	if !ok {
		rows = []any{answer}
	}
	if len(rows) == 0 {
		return "\n", nil
	}
	var headers []string
	cells := make([]map[string]string, len(rows))
	for i, row := range rows {
		cells[i] = map[string]string{}
		add := func(header, value string) {
			if _, twice := cells[i][header]; !twice {
				cells[i][header] = value
				headers = appendNew(headers, header)
			}
		}
		tableRow(row, orders, add)
	}
	if len(headers) == 0 {
		return "", midas.Errorf(midas.Invalid, "this answer has nothing to show in a table").
			WithHint("choose columns with --query, or another --output")
	}
	return layOut(headers, cells)
}

func tableRow(row any, orders [][]string, add func(header, value string)) {
	switch row := row.(type) {
	case map[string]any:
		for _, key := range keysOf(row, orders) {
			switch value := row[key].(type) {
			case nil, []any, map[string]any:
			default:
				if !skippedColumns[key] {
					add(Printable(capitalised(key)), scalar(value))
				}
			}
		}
	case []any:
		for n, value := range row {
			text := ""
			if value != nil {
				text = scalar(value)
			}
			add("Column"+strconv.Itoa(n+1), text)
		}
	default:
		add("Result", scalar(row))
	}
}

// maxTable bounds the characters of a table: one long cell makes every line as long.
const maxTable = 256 << 20

// layOut makes every column as wide as its widest cell and at least two wider than
// its header, as az's table does; lines carry no blanks at their end.
func layOut(headers []string, rows []map[string]string) (string, error) {
	widths, whole := make([]int, len(headers)), 0
	for i, header := range headers {
		widths[i] = utf8.RuneCountInString(header) + 2
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[header]))
		}
		whole += widths[i] + 2
	}
	if whole*len(rows) > maxTable {
		return "", midas.Errorf(midas.Invalid, "this table would have %d lines of %d characters", len(rows), whole).
			WithHint("choose narrower columns with --query, or another --output")
	}
	var b strings.Builder
	line := func(cell func(i int) string) {
		var l strings.Builder
		for i, width := range widths {
			text := cell(i)
			l.WriteString(text)
			l.WriteString(strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))+2))
		}
		b.WriteString(strings.TrimRight(l.String(), " "))
		b.WriteByte('\n')
	}
	line(func(i int) string { return headers[i] })
	line(func(i int) string { return strings.Repeat("-", widths[i]) })
	for _, row := range rows {
		line(func(i int) string { return row[headers[i]] })
	}
	return b.String(), nil
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}

func capitalised(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// jsonWords finds, in indented JSON, a string with the colon after it if it is a
// key, or a bare word.
var jsonWords = regexp.MustCompile(`("(?:[^"\\]|\\.)*")(:?)|\b(?:true|false|null)\b|-?\b[0-9][0-9.eE+-]*`)

// paintJSON colours indented JSON for a terminal: keys blue, strings green, the rest cyan.
func paintJSON(text string) string {
	const blue, green, cyan, plain = "\x1b[94m", "\x1b[32m", "\x1b[36m", "\x1b[0m"
	return jsonWords.ReplaceAllStringFunc(text, func(word string) string {
		switch {
		case strings.HasSuffix(word, `":`):
			return blue + strings.TrimSuffix(word, ":") + plain + ":"
		case strings.HasPrefix(word, `"`):
			return green + word + plain
		}
		return cyan + word + plain
	})
}
