package drivertest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"regexp"
	"strings"
	"time"
)

var numbers = regexp.MustCompile(`\$(\d+)`)

// A record is all that could be seen, as text.
type record struct{ strings.Builder }

func (r *record) add(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

// show writes a value with its type, so that whatever a program can tell apart is told apart.
func show(v any) string {
	if v == nil {
		return "nil"
	}
	return reflect.TypeOf(v).String() + " " + inside(reflect.ValueOf(v))
}

func inside(v reflect.Value) string {
	if v.IsValid() && v.CanInterface() {
		switch x := v.Interface().(type) {
		case time.Time:
			return showTime(x)
		case big.Int:
			return x.String()
		case error:
			return showError(x)
		}
	}
	switch v.Kind() {
	case reflect.Invalid:
		return "nil"
	case reflect.Interface:
		if v.IsNil() {
			return "nil"
		}
		return v.Elem().Type().String() + " " + inside(v.Elem())
	case reflect.Pointer:
		if v.IsNil() {
			return "nil"
		}
		return "&" + inside(v.Elem())
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			return "nil"
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return fmt.Sprintf("%x|", v) // the bar shows that it is there, if it is empty
		}
		var parts []string
		for i := range v.Len() {
			parts = append(parts, inside(v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			parts = append(parts, v.Type().Field(i).Name+":"+inside(v.Field(i)))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case reflect.String:
		return fmt.Sprintf("%q", v)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return v.Kind().String()
	}
	return fmt.Sprint(v)
}

// showTime tells locations apart that are equal but not the same.
func showTime(t time.Time) string {
	where := "other " + t.Location().String()
	switch t.Location() {
	case time.UTC:
		where = "UTC"
	case time.Local:
		where = "Local"
	}
	return t.Format(time.RFC3339Nano) + " " + where
}

// sentinels are what programs compare errors with.
var sentinels = map[string]error{
	"ErrNoRows": sql.ErrNoRows, "ErrTxDone": sql.ErrTxDone, "ErrConnDone": sql.ErrConnDone, "Canceled": context.Canceled,
	"DeadlineExceeded": context.DeadlineExceeded, "ErrBadConn": driver.ErrBadConn, "EOF": io.EOF, "ErrSkip": driver.ErrSkip,
}

// What varies from run to run: ports, process ids, numbers of connections, addresses of memory; and what pgx says of an element
// that it cannot encode, which is another thing when its connection meets the type again.
var varying = regexp.MustCompile(`127\.0\.0\.1:\d+|moneyclip_[a-z0-9]{26}|0x[0-9a-f]{6,}|stmtcache_[0-9a-f]+|(?i:connection(?: id)? \d+)|cannot find encode plan|unable to encode 1`)

func showError(err error) string {
	if err == nil {
		return "no error"
	}
	var types, is []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		types = append(types, fmt.Sprintf("%T", e))
	}
	for _, name := range []string{"ErrNoRows", "ErrTxDone", "ErrConnDone", "Canceled", "DeadlineExceeded", "ErrBadConn", "EOF", "ErrSkip"} {
		if errors.Is(err, sentinels[name]) {
			is = append(is, name)
		}
	}
	return fmt.Sprintf("error %v %v %q", types, is, varying.ReplaceAllString(err.Error(), "#"))
}

// showColumns writes all that rows tell of their columns.
func (r *record) showColumns(rows *sql.Rows) {
	names, err := rows.Columns()
	r.add("columns %q %s", names, showError(err))
	types, err := rows.ColumnTypes()
	if err != nil {
		r.add("column types: %s", showError(err))
	}
	for _, c := range types {
		length, hasLength := c.Length()
		nullable, hasNullable := c.Nullable()
		precision, scale, hasDecimal := c.DecimalSize()
		r.add("column %q type %q scan %v length %d %t nullable %t %t decimal %d %d %t",
			c.Name(), c.DatabaseTypeName(), c.ScanType(), length, hasLength, nullable, hasNullable, precision, scale, hasDecimal)
	}
}

// showRows writes rows, as values of any type, and closes them.
func (r *record) showRows(rows *sql.Rows, err error) {
	if err != nil {
		r.add("query: %s", showError(err))
		return
	}
	for more := true; more; more = rows.NextResultSet() {
		r.showColumns(rows)
		names, _ := rows.Columns()
		for rows.Next() {
			values, dests := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				dests[i] = &values[i]
			}
			err := rows.Scan(dests...)
			var cells []string
			for _, v := range values {
				cells = append(cells, show(v))
			}
			r.add("row [%s] %s", strings.Join(cells, ", "), showError(err))
		}
		r.add("end: %s", showError(rows.Err()))
	}
	r.add("close: %s, then %s", showError(rows.Close()), showError(rows.Err()))
}
