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
		return f.prepared == prepared && slices.EqualFunc(f.types, args, func(t reflect.Type, a driver.NamedValue) bool { return t == ownType(a.Value) })
	}
	if list := fs.all(); len(list) >= maxForms || slices.ContainsFunc(list, known) {
		return
	}
	f := form{prepared: prepared, types: make([]reflect.Type, len(args))}
	for i := range args {
		f.types[i] = ownType(args[i].Value)
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if list := fs.all(); len(list) < maxForms && !slices.ContainsFunc(list, known) {
		list = append(slices.Clone(list), f)
		fs.list.Store(&list)
	}
}

// typed gives arguments the types of the form. It reports false if a value cannot be made of a type: of a driver.Valuer
// nobody but the program knows how.
func (f *form) typed(args []driver.NamedValue) ([]driver.NamedValue, bool) {
	if len(f.types) != len(args) {
		return nil, false
	}
	typed := slices.Clone(args)
	for i, t := range f.types {
		if t == nil {
			continue
		}
		v, ok := valueOf(t, args[i].Value)
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
