package moneyclip

//lint:file-ignore SA1019 old drivers have a ColumnConverter

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// argument returns the value of a bind parameter as the default conversion of database/sql would pass it on. The
// names are those of the statement's parameters. It reports false if there is no such argument, or if it is of a kind
// that only the base driver understands.
func argument(args []driver.NamedValue, param int, names []string) (driver.Value, bool) {
	given := given(args, param, names)
	if given == nil || isKept(given.Value) {
		return nil, false
	}
	return resolve(given.Value)
}

// detached are arguments in memory of their own. As soon as a caller has rows he may use that of what he has handed over again, or scan
// the first row into it.
func detached(args []driver.NamedValue) []driver.NamedValue {
	args = slices.Clone(args)
	for i := range args {
		if value := args[i].Value; value != nil {
			args[i].Value = copied(reflect.ValueOf(value)).Interface()
		}
	}
	return args
}

// copied is a value of which a caller cannot change what it holds or points to.
func copied(v reflect.Value) reflect.Value {
	switch {
	case v.Kind() == reflect.String:
		return reflect.ValueOf(strings.Clone(v.String())).Convert(v.Type())
	case v.Kind() == reflect.Slice && !v.IsNil():
		all := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(all, v)
		return all
	case v.Kind() == reflect.Pointer && !v.IsNil():
		one := reflect.New(v.Type().Elem())
		one.Elem().Set(copied(v.Elem()))
		return one.Convert(v.Type())
	}
	return v
}

// isKept reports whether a value that is on its way to a base driver is of a type that the program has defined with
// methods that may say what it is. database/sql would have turned it into one of its own; so the driver sees to it itself, and may send what a
// method says (pgx sends String() to a text).
func isKept(value any) bool {
	switch value.(type) {
	case nil, int64, string, []byte, bool, float64, time.Time, int, int32:
		return false
	case driver.Valuer:
		return speaksOtherwise(reflect.TypeOf(value))
	}
	t := reflect.TypeOf(value)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if speaks(t) {
			return true
		}
		t = t.Elem()
	}
	return t != reflect.TypeFor[time.Time]() && speaks(t)
}

// speaks reports whether a type of the program has methods that may say what its values are. Those that only take a value in do not, nor
// does one that judges it: sqlc gives them to each enumeration, and drivers send its text.
func speaks(t reflect.Type) bool {
	pointer := reflect.PointerTo(t)
	if t.PkgPath() == "" || pointer.NumMethod() == 0 {
		return false
	}
	if known, ok := speaking.Load(t); ok {
		return known.(bool)
	}
	may := false
	for i := range pointer.NumMethod() {
		switch pointer.Method(i).Name {
		case "Scan", "UnmarshalJSON", "UnmarshalText", "Valid":
		default:
			may = true
		}
	}
	speaking.Store(t, may)
	return may
}

var speaking sync.Map // :: reflect.Type → bool: of types that have methods

// speaksOtherwise reports whether a driver.Valuer has other methods that pgx asks for its value before that one: TextValue,
// Int64Value and so on. Those of pgx's own types and of database/sql's say the same as Value does.
func speaksOtherwise(t reflect.Type) bool {
	if known, ok := otherwise.Load(t); ok {
		return known.(bool)
	}
	own := t
	for own.Kind() == reflect.Pointer {
		own = own.Elem()
	}
	speaks := false
	if path := own.PkgPath(); path != "database/sql" && !strings.HasPrefix(path, "github.com/jackc/pgx/") {
		for i := range t.NumMethod() {
			name, found := strings.CutSuffix(t.Method(i).Name, "Value")
			speaks = speaks || found && name != ""
		}
	}
	otherwise.Store(t, speaks)
	return speaks
}

var otherwise sync.Map // :: reflect.Type → bool: of driver.Valuers

// hasKept reports whether one of the values is kept.
func hasKept(args []driver.NamedValue) bool {
	return slices.ContainsFunc(args, func(arg driver.NamedValue) bool { return isKept(arg.Value) })
}

// given returns the argument for a bind parameter. It is nil if there is none, or more than one: which of them a driver
// then takes is its own affair.
func given(args []driver.NamedValue, param int, names []string) *driver.NamedValue {
	name := ""
	if param <= len(names) {
		name = names[param-1]
	}
	if name == "" && param <= len(args) && args[param-1].Name == "" && args[param-1].Ordinal == param {
		return &args[param-1]
	}
	var found *driver.NamedValue
	for i := range args {
		a := &args[i]
		if a.Name == "" && a.Ordinal != param || a.Name != "" && a.Name != name {
			continue
		}
		if found != nil {
			return nil
		}
		found = a
	}
	return found
}

// ownType is the type of an argument of which a base driver may make something else than of the driver.Value that it
// resolves to: pgx sends an int32 as an int4, a time.Duration as an interval, and a driver.Valuer may be more to it than its
// value. It is nil for values that are what they resolve to.
func ownType(value any) reflect.Type {
	switch value.(type) {
	case nil, int64, string, []byte, bool, float64, time.Time, int:
		return nil
	}
	return reflect.TypeOf(value)
}

// appendType appends a type in a form that tells it from every other type whose values can be resolved, and that says where it
// ends.
func appendType(b []byte, t reflect.Type) []byte {
	b = append(b, 'T')
	for t.Kind() == reflect.Pointer && t.PkgPath() == "" {
		b, t = append(b, '*'), t.Elem()
	}
	for _, text := range [...]string{t.PkgPath(), t.String()} { // the String has no more than the end of the path
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return b
}

// resolve turns an argument into one of the types of driver.Value.
func resolve(value any) (driver.Value, bool) {
	switch v := value.(type) {
	case nil, int64, string, []byte, bool, float64, time.Time:
		return v, true
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case driver.Valuer:
		resolved, err := callValuer(v)
		if err != nil || !driver.IsValue(resolved) {
			return nil, false
		}
		return resolved, true
	}
	switch rv := reflect.ValueOf(value); rv.Kind() {
	case reflect.Pointer:
		if rv.IsNil() {
			return nil, true
		}
		return resolve(rv.Elem().Interface())
	case reflect.Float32:
		// Some drivers send what it says in 32 bits, others the same number in 64.
		wide := rv.Float()
		return wide, strconv.FormatFloat(wide, 'g', -1, 32) == strconv.FormatFloat(wide, 'g', -1, 64)
	case reflect.Bool, reflect.String,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float64:
		resolved, err := driver.DefaultParameterConverter.ConvertValue(value)
		return resolved, err == nil
	case reflect.Slice:
		if rv.Type().Elem().Kind() == reflect.Uint8 {
			resolved, err := driver.DefaultParameterConverter.ConvertValue(value)
			return resolved, err == nil
		}
	}
	return nil, false
}

// elements are the elements of an argument that is an array: of a slice, or of the text that Postgres makes of one. It
// reports false if they are not known.
func elements(args []driver.NamedValue, param int, names []string) ([]driver.Value, bool) {
	arg := given(args, param, names)
	if arg == nil || isKept(arg.Value) {
		return nil, false
	}
	rv := reflect.ValueOf(arg.Value)
	for rv.Kind() == reflect.Pointer && !rv.IsNil() {
		rv = rv.Elem()
	}
	_, isValuer := arg.Value.(driver.Valuer)
	if !isValuer && rv.Kind() == reflect.Slice && rv.Type().Elem().Kind() != reflect.Uint8 {
		list := make([]driver.Value, rv.Len())
		for i := range list {
			var ok bool
			if list[i], ok = resolve(rv.Index(i).Interface()); !ok {
				return nil, false
			}
		}
		return list, true
	}
	value, ok := resolve(arg.Value)
	switch v := value.(type) {
	case nil:
		return nil, ok
	case string:
		return parseArray(v)
	case []byte:
		return parseArray(string(v))
	}
	return nil, false
}

// parseArray reads the text of an array of one dimension: {1,2,NULL,"a \"b\""}.
// See https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO.
func parseArray(text string) (list []driver.Value, ok bool) {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return nil, false
	}
	if text = text[1 : len(text)-1]; text == "" {
		return nil, true
	}
	for more := true; more; {
		var element string
		quoted := strings.HasPrefix(text, `"`)
		if element, text, ok = cutElement(text, quoted); !ok {
			return nil, false
		}
		if !quoted && strings.EqualFold(element, "NULL") {
			list = append(list, nil)
		} else {
			list = append(list, element)
		}
		if text, more = strings.CutPrefix(text, ","); !more && text != "" {
			return nil, false
		}
	}
	return list, true
}

// cutElement cuts the first element off the inside of an array's text.
func cutElement(text string, quoted bool) (element, rest string, ok bool) {
	var b []byte
	i := 0
	if quoted {
		i++
	}
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '"':
			return string(b), text[i+1:], true
		case !quoted && c == ',':
			return string(b), text[i:], len(b) > 0
		case c == '\\' && i+1 < len(text):
			i++
		case !quoted && strings.IndexByte("{}\"\\ \t\n\r\v\f", c) >= 0:
			return "", "", false // an inner array, or blanks that may count or not
		}
		b = append(b, text[i])
	}
	return string(b), "", !quoted && len(b) > 0
}

// callValuer calls a Valuer as database/sql does: a nil pointer whose method wants a value is NULL.
func callValuer(v driver.Valuer) (driver.Value, error) {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
		if _, byValue := rv.Type().Elem().MethodByName("Value"); byValue {
			return nil, nil
		}
	}
	return v.Value()
}

// A converter turns the arguments as the caller gave them into those that the base driver wants. It does what
// database/sql does with a connection and a statement, in the same order and with the same errors: database/sql itself
// cannot, because it asks before there is a connection.
type converter struct {
	checker   driver.NamedValueChecker // nil: none
	columns   driver.ColumnConverter   // nil: none
	wantInput int                      // how many arguments the statement takes; -1: not known
}

// converterFor is the converter for a prepared statement, or for a text that is not: nil.
func converterFor(base *baseConn, stmt driver.Stmt) converter {
	c := base.arguments
	if stmt == nil {
		return c
	}
	if checker, ok := stmt.(driver.NamedValueChecker); ok {
		c.checker = checker
	}
	c.columns, _ = stmt.(driver.ColumnConverter)
	c.wantInput = stmt.NumInput()
	return c
}

// convert converts arguments; in place, if nobody needs them as they were.
func (c *converter) convert(args []driver.NamedValue, inPlace bool) ([]driver.NamedValue, error) {
	converted := args
	if !inPlace {
		converted = make([]driver.NamedValue, len(args))
	}
	n := 0
	for i := range args {
		nv := &converted[n]
		if !inPlace || n != i {
			*nv = args[i]
		}
		nv.Ordinal = n + 1
		switch err := c.convertOne(nv); {
		case err == nil:
			n++
		case errors.Is(err, driver.ErrRemoveArgument):
		default:
			name := fmt.Sprintf("$%d", nv.Ordinal)
			if nv.Name != "" {
				name = fmt.Sprintf("with name %q", nv.Name)
			}
			return nil, fmt.Errorf("sql: converting argument %s type: %w", name, err)
		}
	}
	converted = converted[:n]
	if c.wantInput != -1 && len(converted) != c.wantInput {
		return nil, fmt.Errorf("sql: expected %d arguments, got %d", c.wantInput, len(converted))
	}
	return converted, nil
}

func (c *converter) convertOne(nv *driver.NamedValue) error {
	if c.checker != nil {
		if err := c.checker.CheckNamedValue(nv); err != driver.ErrSkip { //nolint:errorlint // as database/sql compares it
			return err
		}
	}
	if c.columns != nil {
		return c.convertByColumn(nv)
	}
	var err error
	nv.Value, err = driver.DefaultParameterConverter.ConvertValue(nv.Value)
	return err
}

// convertByColumn is for drivers with the old interface.
func (c *converter) convertByColumn(nv *driver.NamedValue) error {
	index := nv.Ordinal - 1
	if c.wantInput <= index {
		return nil
	}
	if v, ok := nv.Value.(driver.Valuer); ok {
		value, err := callValuer(v)
		if err != nil {
			return err
		}
		if !driver.IsValue(value) {
			return fmt.Errorf("non-subset type %T returned from Value", value)
		}
		nv.Value = value
	}
	arg := nv.Value
	value, err := c.columns.ColumnConverter(index).ConvertValue(arg)
	if err != nil {
		return err
	}
	if !driver.IsValue(value) {
		return fmt.Errorf("driver ColumnConverter error converted %T to unsupported type %T", arg, value)
	}
	nv.Value = value
	return nil
}
