package moneyclip

import (
	"database/sql/driver"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
)

// A form is how a program asks for a text: rows of different forms are kept apart, so a writer that loads a key again has to
// ask in the same.
type form struct {
	prepared bool
	types    []reflect.Type // :: argument → its own type; nil: it is what it resolves to
	names    []string       // :: argument → its name, if it has one
}

// maxForms bounds the forms of one text that are loaded again.
const maxForms = 4

// forms are those in which a text was asked for. They are safe for concurrent use.
type forms struct {
	list atomic.Pointer[[]form] // nil: none
	mu   sync.Mutex             // serialises changes of list
}

func (fs *forms) all() []form {
	if list := fs.list.Load(); list != nil {
		return *list
	}
	return nil
}

// note remembers a form.
func (fs *forms) note(prepared bool, args []driver.NamedValue) {
	known := func(f form) bool {
		return f.prepared == prepared && slices.EqualFunc(f.types, args, func(t reflect.Type, a driver.NamedValue) bool { return t == ownType(a.Value) }) &&
			slices.EqualFunc(f.names, args, func(name string, a driver.NamedValue) bool { return name == a.Name })
	}
	if list := fs.all(); len(list) >= maxForms || slices.ContainsFunc(list, known) {
		return
	}
	f := form{prepared: prepared, types: make([]reflect.Type, len(args)), names: make([]string, len(args))}
	for i := range args {
		f.types[i], f.names[i] = ownType(args[i].Value), args[i].Name
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if list := fs.all(); len(list) < maxForms && !slices.ContainsFunc(list, known) {
		list = append(slices.Clone(list), f)
		fs.list.Store(&list)
	}
}

// typed gives the values of a text's parameters, whose names are given, the types, names and order of the form. It reports false if a
// value cannot be made of a type: of a driver.Valuer nobody but the program knows how.
func (f *form) typed(values []driver.NamedValue, params []string) ([]driver.NamedValue, bool) {
	if len(f.types) != len(values) {
		return nil, false
	}
	typed := make([]driver.NamedValue, len(values))
	for i, t := range f.types {
		from := i
		if f.names[i] != "" {
			from = slices.Index(params, f.names[i])
		}
		if from < 0 {
			return nil, false
		}
		typed[i] = driver.NamedValue{Name: f.names[i], Ordinal: i + 1, Value: values[from].Value}
		if t == nil {
			continue
		}
		v, ok := valueOf(t, typed[i].Value)
		if !ok {
			return nil, false
		}
		typed[i].Value = v.Interface()
	}
	return typed, true
}

// valueOf makes a value of a type that resolves to this one.
func valueOf(t reflect.Type, value driver.Value) (made reflect.Value, ok bool) {
	if t.Implements(reflect.TypeFor[driver.Valuer]()) {
		return made, false
	}
	if t.Kind() == reflect.Pointer {
		to, ok := valueOf(t.Elem(), value)
		if !ok {
			return made, false
		}
		made = reflect.New(t.Elem())
		made.Elem().Set(to)
		return made.Convert(t), true
	}
	from := reflect.ValueOf(value)
	if !from.IsValid() || !from.CanConvert(t) || t.Kind() == reflect.String && from.Kind() != reflect.String {
		return made, false // an integer would become the letter of that number
	}
	made = from.Convert(t)
	back, ok := resolve(made.Interface())
	return made, ok && sameValue(back, value) // not if the type is too small for it
}
